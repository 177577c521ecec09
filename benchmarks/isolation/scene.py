"""The product as operators run it, four workers on PostgreSQL and Redis, with the customers of one revision's code."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from tests.idp import IdP, SigningKey
from tests.races.product import Database, own_database
from tests.rigs.process import ServerProcess, free_port

from ..filled.roster import Roster, entity_id, reference
from ..product import environment as product_environment
from .doubles import Way

HOST: Final = "127.0.0.1"
SLOW: Final = "slow"
WORKERS: Final = 4
SECONDS_TO_START: Final = 20
# One block: not even the files of one process.
SMALL_DISK: Final = "4k"


@dataclass(frozen=True)
class Scene:
    """code: the folder of the revision that is measured. threads: of each worker; 0: as gunicorn's default."""

    code: Path
    threads: int
    database: Database
    redis: Way
    folder: Path
    port: int
    roster: Roster
    idps: Sequence[IdP]
    environment: Mapping[str, str]

    def manage(self, *arguments: str, stdin: str = "") -> None:
        done = subprocess.run(  # noqa: S603 - ours
            [sys.executable, "manage.py", *arguments],
            cwd=self.code,
            env=dict(self.environment),
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"{arguments[0]} failed: {done.stdout[-500:]}{done.stderr[-2000:]}")

    def command(self, *arguments: str, log: str) -> ServerProcess:
        """Start a command that is stopped with the fault that it is."""
        return ServerProcess(
            [sys.executable, "manage.py", *arguments],
            log=self.folder / log,
            folder=self.code,
            environment=self.environment,
        )

    @contextmanager
    def served(self, *, full_metrics: bool = False) -> Iterator[None]:
        """Serve it, until the end of the block. Raises ServerFailedError when no worker answers."""
        metrics = self.folder / "metrics"
        command = [
            *(sys.executable, "-m", "gunicorn", "maker.wsgi", "--bind", f"{HOST}:{self.port}"),
            *("--workers", str(WORKERS), "--no-control-socket"),
            *(("--threads", str(self.threads)) if self.threads else ()),
        ]
        if full_metrics:
            mounted = 'mount -t tmpfs -o size="$1" tmpfs "$2" && shift 2 && exec "$@"'
            metrics = self.folder / "full"
            metrics.mkdir(exist_ok=True)
            own = ("unshare", "--mount", "sh", "-c", mounted, "sh", SMALL_DISK, str(metrics))
            command = [*own, *command]
        server = ServerProcess(
            command,
            log=self.folder / "gunicorn.log",
            folder=self.code,
            environment={**self.environment, "PROMETHEUS_MULTIPROC_DIR": str(metrics)},
        )
        try:
            health = f"http://{HOST}:{self.port}/healthz"
            server.wait_until_answering(health, seconds=SECONDS_TO_START)
            yield
        finally:
            server.stop()


@contextmanager
def scene(
    code: Path, *, threads: int, redis_url: str, roster: Roster, folder: Path
) -> Iterator[Scene]:
    """Set up by the revision's own commands: what they read is promised to stay."""
    key = SigningKey.rsa(common_name="idp.example")
    idps = [IdP(entity_id=entity_id(number), key=key) for number in range(roster.connectors)]
    redis = urlsplit(redis_url)
    way = Way(redis.hostname or HOST, redis.port or 6379)
    port = free_port(HOST)
    folder.mkdir()
    with own_database("postgres", folder, name="isolation") as database:
        environment = {
            **product_environment(database.url),
            "DJANGO_SETTINGS_MODULE": "benchmarks.storm.product_settings",
            "PUBLIC_BASE_URL": f"http://{HOST}:{port}",
            "ALLOWED_HOSTS": HOST,
            "CACHE_URL": urlunsplit(redis._replace(netloc=f"{HOST}:{way.port}")),
            "FIELD_ENCRYPTION_KEYS": "b25seS1mb3ItYmVuY2htYXJrcy1ub3QtYS1zZWNyZXQ=",
            "STORM_STATIC": str(folder / "static"),
        }
        made = Scene(code, threads, database, way, folder, port, roster, idps, environment)
        made.manage("migrate", "--verbosity", "0")
        made.manage("collectstatic", "--noinput", "--verbosity", "0")
        made.manage("sso_apply", "-", stdin=json.dumps(customers(made)))
        try:
            yield made
        finally:
            way.close()


def customers(scene: Scene) -> dict[str, Any]:
    """The others: whose logins are measured."""
    connectors = [
        saml(reference(number), entity_id=idp.entity_id, pem=idp.key.pem)
        for number, idp in enumerate(scene.idps)
    ]
    agents = range(scene.roster.agents)
    users = [
        {
            "username": scene.roster.username(agent),
            "connectors": [reference(scene.roster.connector(agent))],
        }
        for agent in agents
    ]
    return {"connectors": connectors, "users": users}


def saml(name: str, *, entity_id: str, pem: str) -> dict[str, Any]:
    return {
        "name": name,
        "reference": name,
        "type": "saml2",
        "enabled": True,
        "issuer_url": entity_id,
        "endpoint": "https://idp.example/sso",
        "certificates": [pem],
    }


def openid(name: str, *, issuer: str) -> dict[str, Any]:
    return {
        "name": name,
        "reference": name,
        "type": "oauth2",
        "enabled": True,
        "authentication_method": "oidc",
        "client_id": "client",
        "client_secret": "secret",
        "options": {"issuer": issuer},
    }
