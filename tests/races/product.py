"""The product as it runs in production: gunicorn with several processes, a database of its own."""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from tests.idp import IdP
from tests.rigs.process import ServerProcess, free_port

Kind = Literal["sqlite", "postgres"]

ROOT: Final = Path(__file__).resolve().parents[2]
REFERENCE: Final = "acme"
USERNAME: Final = "alice@acme.example"
SECONDS_FOR_A_COMMAND: Final = 120
LOCAL_POSTGRES: Final = "postgres://postgres@127.0.0.1:5432/postgres"


@dataclass(frozen=True)
class Database:
    """A database that the product under test has for itself."""

    url: str
    connect: Callable[[], Any]

    def number(self, query: str) -> int:
        """What a query for one number answers, read past the product."""
        with closing(self.connect()) as connection:
            cursor = connection.cursor()
            cursor.execute(query)
            return int(cursor.fetchone()[0])


@dataclass(frozen=True)
class Product:
    """A running product; it trusts one identity provider, and knows one user of it."""

    port: int
    database: Database
    server: ServerProcess


@contextmanager
def own_database(kind: Kind, folder: Path, *, name: str = "races") -> Iterator[Database]:
    """A new, empty database: a file in `folder`, or one on the server that DATABASE_URL names."""
    if kind == "sqlite":
        file = folder / f"{name}.sqlite3"
        yield Database(f"sqlite:///{file}", lambda: sqlite3.connect(file, timeout=30))
        return
    server = os.environ.get("DATABASE_URL", "")
    if not server.startswith(("postgres:", "postgresql:")):
        server = LOCAL_POSTGRES
    name = f"{name}_{os.getpid()}"
    url = urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
    maintenance = urlunsplit(urlsplit(server)._replace(path="/postgres"))
    drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
    with psycopg.connect(maintenance, autocommit=True) as connection:
        connection.execute(drop)
        # template1 can't be copied while somebody else is connected to it.
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name))
        )
        try:
            yield Database(url, lambda: psycopg.connect(url))
        finally:
            connection.execute(drop)


def environment_for(database: Database, port: int) -> dict[str, str]:
    """A production's settings, served on that port of 127.0.0.1."""
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.races.settings",
        "SECRET_KEY": "r" * 60,
        "DEBUG": "false",
        "PUBLIC_BASE_URL": f"http://127.0.0.1:{port}",
        "ALLOWED_HOSTS": "127.0.0.1",
        "TRUSTED_PROXIES": "127.0.0.1",  # the racers say who they are, as a proxy would
        "DATABASE_URL": database.url,
    }


def set_up(database: Database, *, idp: IdP, port: int) -> None:
    """Tables, a connector that trusts `idp`, and a user of it, by the product's commands alone."""
    environment = environment_for(database, port)
    _manage(environment, "migrate", "--verbosity", "0")
    _manage(environment, "sso_apply", "-", stdin=json.dumps(_connectors(idp)))


@contextmanager
def served(database: Database, *, port: int, folder: Path, workers: int) -> Iterator[Product]:
    """Serve the product from a database that has been set up, until the end of the block."""
    server = ServerProcess(
        [
            *(sys.executable, "-m", "gunicorn", "maker.wsgi", "--bind", f"127.0.0.1:{port}"),
            *("--workers", str(workers), "--threads", "8"),
            # Racers keep their connections; a worker that hangs is a fault, so kill none.
            *("--keep-alive", "120", "--timeout", "120", "--no-control-socket"),
        ],
        log=folder / "gunicorn.log",
        folder=ROOT,
        environment=environment_for(database, port),
    )
    try:
        server.wait_until_answering(f"http://127.0.0.1:{port}/healthz")
        yield Product(port, database, server)
    finally:
        server.stop()


@contextmanager
def running_product(kind: Kind, *, idp: IdP, folder: Path, workers: int) -> Iterator[Product]:
    """A product with a database of its own, both gone at the end of the block."""
    port = free_port()
    with own_database(kind, folder) as database:
        set_up(database, idp=idp, port=port)
        with served(database, port=port, folder=folder, workers=workers) as product:
            yield product


def _connectors(idp: IdP) -> dict[str, object]:
    connector = {
        "name": "Acme",
        "reference": REFERENCE,
        "type": "saml2",
        "enabled": True,
        "issuer_url": idp.entity_id,
        "endpoint": idp.sso_url,
        "certificates": [idp.key.pem],
    }
    return {
        "connectors": [connector],
        "users": [{"username": USERNAME, "connectors": [REFERENCE]}],
    }


def _manage(environment: Mapping[str, str], *arguments: str, stdin: str = "") -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=environment,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=SECONDS_FOR_A_COMMAND,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"manage.py {arguments[0]} failed:\n{done.stdout}{done.stderr}")
