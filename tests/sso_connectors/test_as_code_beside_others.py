"""While a file is applied: agents sign in, others write, and nothing of theirs is lost."""

import io
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Event
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
from tests.rivals import rival
from users.models import User

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.row(40)]

only_postgresql = pytest.mark.skipif(
    "connection.vendor != 'postgresql'",
    reason="SQLite locks no rows",
)
NOTHING = "Nothing to change."


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


def elsewhere(change: Callable[[], object]) -> None:
    """Do it in a connection of its own, and commit."""

    def run() -> None:
        try:
            change()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(run).result(30)


@contextmanager
def before_it_writes(change: Callable[[], object]) -> Iterator[None]:
    """Let somebody else change something after the comparison and before the transaction."""
    done = Event()

    def tell(execute: Callable[..., object], sql: str, *arguments: object) -> object:
        if not done.is_set() and (sql.startswith("BEGIN") or "lock_timeout" in sql):
            done.set()
            elsewhere(change)
        return execute(sql, *arguments)

    with connection.execute_wrapper(tell):
        yield
    assert done.is_set()


@contextmanager
def paused(run: Callable[[], object], *, before: str) -> Iterator[None]:
    """Run in another thread until a statement with `before` in it, and to its end after the block."""
    is_there, go_on = Event(), Event()

    def pause(execute: Callable[..., object], sql: str, *arguments: object) -> object:
        if before in sql and not is_there.is_set():
            is_there.set()
            assert go_on.wait(60)
        return execute(sql, *arguments)

    def work() -> None:
        try:
            with connection.execute_wrapper(pause):
                run()
        finally:
            is_there.set()
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(work)
        try:
            assert is_there.wait(60)
            assert not other.done(), other.exception()
            yield
        finally:
            go_on.set()
        other.result()


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


@only_postgresql
@pytest.mark.usefixtures("_impatient")
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


@only_postgresql
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


@pytest.mark.skipif("connection.vendor != 'sqlite'", reason="others lock rows")
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


@only_postgresql
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


# --- what changes between the comparison and the lock -----------------------------------------------


def test_what_somebody_else_wrote_meanwhile_stays(
    apply: Apply, idp: IdP, make_connector: ConnectorMaker
) -> None:
    acme = make_connector("acme")

    def switch_off() -> None:
        mine = Connector.objects.get(pk=acme.pk)
        mine.enabled, mine.contact = False, "it@acme.example"
        mine.save()

    change = {"connectors": [{"reference": "acme", "name": "Acme & Sons"}]}
    with before_it_writes(switch_off):
        assert apply(change) == ["connector acme: changed name"]
    acme.refresh_from_db()
    assert (acme.name, acme.enabled, acme.contact) == ("Acme & Sons", False, "it@acme.example")
    assert acme.session_epoch > 0, "sessions stay over"


def test_change_under_way_is_waited_for_and_kept(apply: Apply, connector: Connector) -> None:
    def switch_off() -> None:
        mine = Connector.objects.get(pk=connector.pk)
        mine.enabled = False
        mine.save()

    with rival(switch_off):
        apply({"connectors": [{"reference": "acme", "name": "Acme & Sons"}]})

    connector.refresh_from_db()
    assert (connector.name, connector.enabled) == ("Acme & Sons", False)


def test_what_is_wrong_by_now_is_refused(
    apply: Apply, idp: IdP, make_connector: ConnectorMaker
) -> None:
    acme = make_connector("acme", enabled=False)
    change = {"connectors": [{"reference": "acme", "enabled": True}, saml("new", idp)]}

    def empty() -> None:
        Connector.objects.filter(pk=acme.pk).update(endpoint="")

    with before_it_writes(empty), pytest.raises(CommandError) as told:
        apply(change)
    assert "connectors[0] (acme): endpoint: This is needed before" in str(told.value)
    acme.refresh_from_db()
    assert not acme.enabled
    assert Connector.objects.count() == 1


def test_what_somebody_else_has_done_already_is_not_told(
    apply: Apply, make_connector: ConnectorMaker, make_user: UserMaker
) -> None:
    acme = make_connector("acme")
    bob = make_user("bob@acme.example")
    alice = make_user("alice@acme.example", acme)

    def do_it() -> None:
        mine = Connector.objects.get(pk=acme.pk)
        mine.name = "New"
        mine.save()
        User.objects.filter(pk=bob.pk).update(is_staff=True)
        Link.objects.create(user=bob, connector=acme)
        Link.objects.get(user=alice).delete()

    document = {
        "connectors": [{"reference": "acme", "name": "New"}],
        "users": [
            {"username": "bob@acme.example", "staff": True, "connectors": ["acme"]},
            {"username": "alice@acme.example", "connectors": []},
        ],
    }
    with before_it_writes(do_it):
        assert apply(document) == [NOTHING]
    assert acme.history.count() == 2
    assert Link.history.count() == 3, "two were made and one was deleted, each once"


@pytest.mark.parametrize("kind", ["connector", "user"])
def test_what_has_been_deleted_meanwhile(
    apply: Apply, connector: Connector, make_user: UserMaker, kind: str
) -> None:
    make_user("bob@acme.example")
    document = {
        "connectors": [{"reference": "acme", "name": "New"}],
        "users": [{"username": "bob@acme.example", "staff": True}],
    }
    model, where = {
        "connector": (Connector, "connectors[0] (acme)"),
        "user": (User, "users[0] (bob@acme.example)"),
    }[kind]
    everyone = model._default_manager.all()
    with before_it_writes(everyone.delete), pytest.raises(CommandError) as told:
        apply(document)
    assert str(told.value).splitlines() == [
        "Nothing was changed.",
        f"{where}: somebody else has deleted it at this moment; try again",
    ]


def test_connector_deleted_before_a_link_to_it_is_written(
    apply: Apply, connector: Connector, make_user: UserMaker
) -> None:
    make_user("bob@acme.example")
    document = {"users": [{"username": "bob@acme.example", "connectors": ["acme"]}]}
    with before_it_writes(connector.delete), pytest.raises(CommandError) as told:
        apply(document)
    assert "the database refused it; was something else changing it? Try again" in str(told.value)
    assert not Link.objects.exists()


def test_what_has_been_added_meanwhile(apply: Apply, idp: IdP) -> None:
    document = {
        "connectors": [saml("one", idp), saml("two", idp)],
        "users": [{"username": "bob@acme.example"}],
    }

    def add_connector() -> None:
        Connector.objects.create(name="Two", reference="TWO")

    def add_user() -> None:
        User.objects.create_user("bob@acme.example")

    for add, line in (
        (add_connector, "connectors[1] (two): Another connector has this reference; case makes no"),
        (add_user, "users[0] (bob@acme.example): somebody else has added it at this moment; try"),
    ):
        with before_it_writes(add), pytest.raises(CommandError) as told:
            apply(document)
        first, *lines = str(told.value).splitlines()
        assert first == "Nothing was changed."
        assert len(lines) == 1
        assert lines[0].startswith(line)
        Connector.objects.all().delete()
    assert not Connector.objects.exists()
