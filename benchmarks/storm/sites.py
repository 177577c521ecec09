"""The sites that the crowd signs in at, each served by gunicorn as docs/operators.md says."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.races.product import Database, own_database
from tests.rigs.process import ServerProcess, free_port

from ..contest import Contender
from ..peers import ROOT
from ..product import environment as product_environment
from ..worker import Message

HOST: Final = "127.0.0.1"


@dataclass(frozen=True)
class Place:
    """Where a site serves, and what it stores in. folder: gone after the storm."""

    port: int
    database_url: str
    cache_url: str
    folder: Path


@dataclass(frozen=True)
class Site:
    """fills: the module that makes its tables. healthy: what answers 200 as soon as it serves."""

    name: str
    short: str
    application: str
    environment: Callable[[Place], Mapping[str, str]]
    fills: str
    healthy: str
    login_address: str


@dataclass(frozen=True)
class Running:
    port: int
    server: ServerProcess
    database: Database


def _product_environment(place: Place) -> Mapping[str, str]:
    return {
        **product_environment(place.database_url),
        "DJANGO_SETTINGS_MODULE": "benchmarks.storm.product_settings",
        "PUBLIC_BASE_URL": f"http://{HOST}:{place.port}",
        "ALLOWED_HOSTS": HOST,
        "CACHE_URL": place.cache_url,
        "PROMETHEUS_MULTIPROC_DIR": str(place.folder / "metrics"),
        "STORM_STATIC": str(place.folder / "static"),
    }


def _allauth_environment(place: Place) -> Mapping[str, str]:
    return {
        "DJANGO_SETTINGS_MODULE": "benchmarks.storm.allauth_settings",
        "BENCHMARK_DATABASE": place.database_url,
        "BENCHMARK_CACHE": place.cache_url,
    }


PRODUCT: Final = Site(
    name="**the product**",
    short="product",
    application="maker.wsgi",
    environment=_product_environment,
    fills="benchmarks.storm.product_filled",
    healthy="/healthz",
    login_address="/api/sso/login/{reference}",
)
ALLAUTH: Final = Site(
    name="django-allauth",
    short="allauth",
    application="django.core.wsgi:get_wsgi_application()",
    environment=_allauth_environment,
    fills="benchmarks.storm.allauth_filled",
    healthy="/login/",
    login_address="/saml/{reference}/login/",
)


@contextmanager
def serving(
    site: Site, setup: Message, *, workers: int, cache_url: str, folder: Path
) -> Iterator[Running]:
    """Serve the site from a new database, filled by `setup`, until the end of the block."""
    with own_database("postgres", folder, name=f"storm_{site.short}") as database:
        place = Place(free_port(HOST), database.url, cache_url, folder)
        environment = site.environment(place)
        filling = Contender(site.name, site.fills, setup, environment, is_peer=False)
        filling.start()
        filling.stop()
        bind = f"{HOST}:{place.port}"
        server = ServerProcess(
            [
                *(sys.executable, "-m", "gunicorn", site.application, "--bind", bind),
                *("--workers", str(workers), "--threads", "8", "--no-control-socket"),
            ],
            log=folder / f"{site.short}.log",
            folder=ROOT,
            environment=environment,
        )
        try:
            server.wait_until_answering(f"http://{bind}{site.healthy}")
            yield Running(place.port, server, database)
        finally:
            server.stop()
