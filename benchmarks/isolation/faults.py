"""Each fault, for as long as its block."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from typing import Final

from ..filled.roster import reference
from .agents import coming_back, others
from .doubles import FOR_EVER, slow_provider
from .scene import SLOW, Scene, customers, openid, saml

Fault = Callable[[Scene], AbstractContextManager[None]]


@dataclass(frozen=True)
class Sizes:
    """How many agents come back from the slow provider; how much is applied, and cleared."""

    agents: int
    connectors: int
    users: int
    attempts: int


@contextmanager
def _served(scene: Scene, *, full_metrics: bool = False) -> Iterator[None]:
    """Serve the product; each worker has signed somebody in before the fault begins."""
    with scene.served(full_metrics=full_metrics):
        others(scene, seconds=3.0, rate=8.0)
        yield


@contextmanager
def quiet(scene: Scene) -> Iterator[None]:
    with _served(scene):
        yield


@contextmanager
def full_metrics(scene: Scene) -> Iterator[None]:
    with _served(scene, full_metrics=True):
        yield


@contextmanager
def hanging_redis(scene: Scene) -> Iterator[None]:
    with _served(scene):
        scene.redis.hang()
        try:
            yield
        finally:
            scene.redis.go_on()


@contextmanager
def connectors_held(scene: Scene) -> Iterator[None]:
    """All are *ready*, so that each login would write that they are *tested*."""
    with _served(scene), closing(scene.database.connect()) as connection:
        cursor = connection.cursor()
        cursor.execute("UPDATE sso_connectors_connector SET tested_at = NULL")
        connection.commit()
        cursor.execute("UPDATE sso_connectors_connector SET name = name")
        yield
        connection.rollback()


def slow(agents: int, *, seconds: float, host: str) -> Fault:
    @contextmanager
    def fault(scene: Scene) -> Iterator[None]:
        with _served(scene), slow_provider(host, seconds=seconds) as issuer:
            connector = openid(SLOW, issuer=issuer)
            scene.manage("sso_apply", "-", stdin=json.dumps({"connectors": [connector]}))
            with coming_back(scene, agents=agents):
                yield

    return fault


def applied(sizes: Sizes, *options: str) -> Fault:
    """A file of many new connectors and users beside the others', as a deployment applies one."""

    @contextmanager
    def fault(scene: Scene) -> Iterator[None]:
        content = customers(scene)
        pem = scene.idps[0].key.pem
        content["connectors"] += [
            saml(f"new-{number}", entity_id=f"https://new.example/{number}", pem=pem)
            for number in range(sizes.connectors)
        ]
        content["users"] += [
            {"username": f"new-{number}@new.example", "connectors": [reference(0)]}
            for number in range(sizes.users)
        ]
        file = scene.folder / "all.json"
        file.write_text(json.dumps(content))
        with _served(scene), _command(scene, "sso_apply", str(file), *options):
            yield

    return fault


def cleaned(sizes: Sizes) -> Fault:
    @contextmanager
    def fault(scene: Scene) -> Iterator[None]:
        with closing(scene.database.connect()) as connection:
            connection.cursor().execute(_OLD_ATTEMPTS, [sizes.attempts])
            connection.commit()
        with _served(scene), _command(scene, "sso_cleanup"):
            yield

    return fault


_OLD_ATTEMPTS: Final = """
    INSERT INTO sso_connectors_attempt (code, connector_reference, started_at, outcome, purpose, browser, cause,
        detail, checks, username, claims)
    SELECT 'old', '', now() - interval '400 days', 'failed', 'sign_in', '', 'bad_message', '',
        jsonb_build_array(jsonb_build_object('name', 'signature', 'received', repeat('x', 4000))), '', '{}'
    FROM generate_series(1, %s)
"""


@contextmanager
def _command(scene: Scene, *arguments: str) -> Iterator[None]:
    running = scene.command(*arguments, log=f"{arguments[0]}.log")
    time.sleep(2.0)  # Django starts
    try:
        yield
    finally:
        running.stop()


def all_faults(sizes: Sizes) -> dict[str, Fault]:
    """By what the table calls them. A host of its own for each: what one did isn't held against another."""
    return {
        "none": quiet,
        "slow identity provider (9 s)": slow(sizes.agents, seconds=9.0, host="127.0.0.2"),
        "hanging identity provider": slow(sizes.agents, seconds=FOR_EVER, host="127.0.0.3"),
        "hanging Redis": hanging_redis,
        "full folder for metrics": full_metrics,
        "UPDATE held on connectors": connectors_held,
        "`sso_apply --dry-run`": applied(sizes, "--dry-run"),
        "`sso_apply`": applied(sizes),
        "`sso_cleanup`": cleaned(sizes),
    }
