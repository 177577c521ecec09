"""While a file is applied: agents sign in, others write, and nothing of theirs is lost."""

import io
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from sso_connectors.as_code import locks
from sso_connectors.models import Connector, Link
from tests.agent import Agent
from tests.conftest import ConnectorMaker, UserMaker
from tests.idp import IdP
from tests.rivals import paused
from users.models import User

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.row(40)]


@pytest.fixture
def _only_postgresql() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite locks no rows")


@pytest.fixture
def _only_sqlite() -> None:
    if connection.vendor != "sqlite":
        pytest.skip("others lock rows")


@pytest.fixture
def apply(tmp_path: Path) -> Callable[..., list[str]]:
    """Run sso_apply; return what it printed."""

    def run(document: Any, *options: str) -> list[str]:
        file = tmp_path / "sso.json"
        file.write_text(json.dumps(document))
        out = io.StringIO()
        call_command("sso_apply", str(file), *options, stdout=out, stderr=io.StringIO())
        return out.getvalue().splitlines()

    return run


Apply = Callable[..., list[str]]


@pytest.fixture
def _impatient() -> Iterator[None]:
    """Whoever waits for a lock here fails, where it would otherwise wait for the other thread for ever."""
    if connection.vendor == "postgresql":
        connection.cursor().execute("SET lock_timeout = '2s'")
    yield
    if connection.vendor == "postgresql":
        connection.cursor().execute("RESET lock_timeout")


def saml(reference: str, idp: IdP, **fields: Any) -> dict[str, Any]:
    return {
        "name": reference.title(),
        "reference": reference,
        "type": "saml2",
        "enabled": True,
        "issuer_url": idp.entity_id,
        "endpoint": idp.sso_url,
        "certificates": [idp.key.pem],
        **fields,
    }


def everything(idp: IdP) -> dict[str, Any]:
    """Of what the file names some is there and stays, some changes, and much is new."""
    new = [f"new-{number}" for number in range(30)]
    return {
        "connectors": [
            saml("acme", idp),
            saml("bell", idp, name="Bell & Sons"),
            *(saml(reference, idp) for reference in new),
        ],
        "users": [
            {"username": "alice@acme.example", "connectors": ["acme"]},
            {"username": "bob@bell.example", "staff": True, "connectors": ["bell", "new-1"]},
            *(
                {"username": f"carol@{reference}.example", "connectors": [reference]}
                for reference in new
            ),
        ],
    }


# --- others meanwhile -----------------------------------------------------------------------------


@pytest.mark.usefixtures("_only_postgresql", "_impatient")
@pytest.mark.parametrize("before", ['INSERT INTO "users_user"', 'UPDATE "users_user"'])
def test_logins_go_on_while_a_file_is_applied(
    apply: Apply, idp: IdP, make_connector: ConnectorMaker, make_user: UserMaker, before: str
) -> None:
    acme, bell = make_connector("acme"), make_connector("bell")
    make_user("alice@acme.example", acme)
    make_user("bob@bell.example", bell)
    make_user("dora@bell.example", bell)
    Agent().sign_in(
        idp, "bell", name_id="dora@bell.example"
    )  # tested: a login writes nothing to it
    agent, dora = Agent(), Agent()

    with paused(lambda: apply(everything(idp)), before=before):
        agent.sign_in(idp)
        assert agent.username == "alice@acme.example"
        # Through a connector that is just being changed.
        dora.sign_in(idp, "bell", name_id="dora@bell.example")
        assert dora.username == "dora@bell.example"
        assert Client().get("/healthz").status_code == 200
        assert not Connector.objects.filter(reference="new-1").exists(), "all or nothing"

    assert Connector.objects.count() == 32
    assert User.objects.get(username="bob@bell.example").is_staff
    assert agent.username == "alice@acme.example"


@pytest.mark.usefixtures("_impatient")
def test_a_dry_run_holds_nobody_up(
    apply: Apply, idp: IdP, make_connector: ConnectorMaker, make_user: UserMaker
) -> None:
    make_user("alice@acme.example", make_connector("acme"), make_connector("bell"))

    def dry() -> list[str]:
        return apply(everything(idp), "--dry-run")

    with paused(dry, before='FROM "sso_connectors_link"'), transaction.atomic():
        for model in (Connector, User, Link):
            assert list(model._base_manager.select_for_update(nowait=True))
        Connector.objects.update(contact="it@acme.example")


@pytest.mark.usefixtures("_impatient")
def test_a_dry_run_waits_for_nobody(
    apply: Apply, idp: IdP, make_connector: ConnectorMaker, make_user: UserMaker
) -> None:
    make_user("alice@acme.example", make_connector("acme"), make_connector("bell"))

    def hold() -> None:
        with transaction.atomic():
            for model in (Connector, User, Link):
                assert list(model._base_manager.select_for_update())
            connection.cursor().execute("SELECT 'all are held'")

    with paused(hold, before="all are held"):
        printed = apply(everything(idp), "--dry-run")

    assert printed[-1] == "Dry run: nothing was changed."
    assert "connector bell: changed name" in printed


@pytest.mark.usefixtures("_only_postgresql")
def test_who_holds_a_row_is_not_waited_for_without_end(
    apply: Apply,
    idp: IdP,
    make_connector: ConnectorMaker,
    make_user: UserMaker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    acme, bell, other = (make_connector(name) for name in ("acme", "bell", "calm"))
    alice = make_user("alice@acme.example")
    monkeypatch.setattr(locks, "LONGEST_WAIT", timedelta(milliseconds=200))

    def holds(model: Any, pk: int) -> Callable[[], None]:
        def hold() -> None:
            with transaction.atomic():
                assert model.objects.select_for_update().get(pk=pk)
                connection.cursor().execute("SELECT 'it is held'")

        return hold

    document = everything(idp)
    document["connectors"].append(saml("calm", idp))
    document["users"][0] = {"username": "bob@bell.example", "connectors": ["acme"]}
    document["users"][1] = {"username": "alice@acme.example", "staff": True}
    for model, row, name in (
        (Connector, bell, "connector bell"),
        (User, alice, "user alice@acme.example"),
        (Connector, acme, "connector acme"),  # it stays, but a new link points at it
    ):
        with paused(holds(model, row.pk), before="it is held"), pytest.raises(CommandError) as told:
            apply(document)
        assert str(told.value).splitlines() == [
            "Nothing was changed.",
            f"{name}: somebody else is changing it at this moment; try again",
        ]
        assert Connector.objects.count() == 3
    with paused(holds(Connector, other.pk), before="it is held"):
        assert "connector new-1: created" in apply(document), "a row that stays is not locked"


@pytest.mark.usefixtures("_only_sqlite")
def test_sqlite_that_somebody_else_writes_to(
    apply: Apply, idp: IdP, make_connector: ConnectorMaker
) -> None:
    make_connector("bell")

    def hold() -> None:
        with transaction.atomic():
            connection.cursor().execute("SELECT 'it is held'")

    connection.cursor().execute("PRAGMA busy_timeout = 100")
    try:
        with paused(hold, before="it is held"), pytest.raises(CommandError) as told:
            apply(everything(idp))
    finally:
        connection.cursor().execute("PRAGMA busy_timeout = 10000")
    assert str(told.value).splitlines() == [
        "Nothing was changed.",
        "somebody else is changing some of it at this moment, and was waited for in vain; try again",
    ]


@pytest.mark.usefixtures("_only_postgresql")
def test_rows_are_locked_last(
    apply: Apply, idp: IdP, make_connector: ConnectorMaker, make_user: UserMaker
) -> None:
    """What is added is written and checked before: nobody waits for that."""
    make_user("bob@bell.example", make_connector("bell"))
    with CaptureQueriesContext(connection) as queries:
        apply(everything(idp))
    statements = [query["sql"] for query in queries]
    (checked, *_rest) = (at for at, sql in enumerate(statements) if "ALL IMMEDIATE" in sql)
    locking = [at for at, sql in enumerate(statements) if sql.endswith("FOR NO KEY UPDATE")]
    adding = [
        at
        for at, sql in enumerate(statements)
        if sql.startswith("INSERT") and "historical" not in sql
    ]
    assert len(locking) == 2
    assert max(adding) < checked < min(locking)
