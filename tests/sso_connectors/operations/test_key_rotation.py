"""Keys are replaced while the product runs: everything still reads, nothing newer is overwritten."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.apps.registry import Apps
from django.core.management import CommandError, call_command
from django.db import connection, models, transaction
from django.test.utils import CaptureQueriesContext, isolate_apps

from sso_connectors.models import Connector
from sso_connectors.operations import key_rotation
from sso_connectors.operations.key_rotation import Tally, rotate
from sso_connectors.secrets.encryption import Secret, SecretField, UnreadableSecret
from tests.conftest import ConnectorMaker

pytestmark = [pytest.mark.row(33), pytest.mark.django_db]

OLDER, NEWER, LOST = (Fernet.generate_key().decode() for _ in range(3))
KIND = "SSO connector, client secret"

HubMaker = Callable[[str, str], Connector]


@pytest.fixture
def make_hub(make_connector: ConnectorMaker, settings: Any) -> HubMaker:
    """Make a connector whose secret was sealed with the key given; leave the keys as they are."""

    def make(reference: str, key: str) -> Connector:
        now = settings.FIELD_ENCRYPTION_KEYS
        settings.FIELD_ENCRYPTION_KEYS = [key]
        secret = Secret.seal(f"secret of {reference}")
        settings.FIELD_ENCRYPTION_KEYS = now
        return make_connector(reference, type="oauth2", enabled=False, client_secret=secret)

    return make


def secrets() -> dict[str, str]:
    """Every connector's secret in plain, by reference; "unreadable" where it is."""
    found = {}
    for connector in Connector.objects.filter(client_secret__isnull=False):
        assert connector.client_secret is not None
        try:
            found[connector.reference] = connector.client_secret.reveal()
        except UnreadableSecret:
            found[connector.reference] = "unreadable"
    return found


def tokens() -> dict[str, Secret | None]:
    return dict(Connector.objects.values_list("reference", "client_secret"))


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("sso_rotate_keys", *arguments, stdout=out, stderr=out)
    # Tokens have lines of their own, and tests beside the code that keeps them.
    lines = out.getvalue().splitlines(keepends=True)
    return "".join(line for line in lines if line.startswith(KIND))


def of_connectors(tallies: list[Tally]) -> list[Tally]:
    return [tally for tally in tallies if tally.kind == KIND]


# --- the command ------------------------------------------------------------------------------


def test_a_key_is_replaced(connector: Connector, make_hub: HubMaker, settings: Any) -> None:
    """From one key to two to the other; everything reads at each step."""
    settings.FIELD_ENCRYPTION_KEYS = [NEWER, OLDER]
    for reference in ("hub", "desk"):
        make_hub(reference, OLDER)
    make_hub("late", NEWER)
    plain = {reference: f"secret of {reference}" for reference in ("hub", "desk", "late")}
    before = tokens()
    changed_at = dict(Connector.objects.values_list("reference", "updated_at"))
    assert secrets() == plain

    assert run() == f"{KIND}: 1 current, 2 re-encrypted\n"
    settings.FIELD_ENCRYPTION_KEYS = [NEWER]
    assert secrets() == plain
    after = tokens()
    assert after["late"] == before["late"]
    assert after["hub"] != before["hub"]
    assert after["acme"] is None
    assert dict(Connector.objects.values_list("reference", "updated_at")) == changed_at
    assert run() == f"{KIND}: 3 current, 0 re-encrypted\n"
    assert tokens() == after, "run again, it changes nothing"


def test_check_only_says(make_hub: HubMaker, settings: Any) -> None:
    settings.FIELD_ENCRYPTION_KEYS = [NEWER, OLDER]
    make_hub("hub", OLDER)
    before = tokens()
    with pytest.raises(CommandError, match="before the older keys go"):
        run("--check")
    assert tokens() == before
    run()
    assert run("--check") == f"{KIND}: 1 current, 0 to re-encrypt\n"


def test_what_cannot_be_read_is_named_and_left(make_hub: HubMaker, settings: Any) -> None:
    settings.FIELD_ENCRYPTION_KEYS = [NEWER, OLDER]
    make_hub("lost", LOST)
    make_hub("hub", OLDER)
    make_hub("also@lost", LOST)
    before = tokens()
    for arguments in (["--check"], []):
        with pytest.raises(CommandError) as caught:
            run(*arguments)
        lines = str(caught.value).splitlines()
        assert lines[0].startswith("connector lost: client_secret can't be read")
        assert lines[1].startswith("connector also@lost: client_secret can't be read")
        assert caught.value.returncode == 1
        for text in ("secret of", *settings.FIELD_ENCRYPTION_KEYS, before["lost"].token):  # type: ignore[union-attr]
            assert text not in str(caught.value)
    assert tokens()["lost"] == before["lost"]
    assert tokens()["hub"] != before["hub"], "the rest is done"

    settings.FIELD_ENCRYPTION_KEYS = [NEWER, OLDER, LOST]
    assert run() == f"{KIND}: 1 current, 2 re-encrypted\n"
    settings.FIELD_ENCRYPTION_KEYS = [NEWER]
    assert "unreadable" not in secrets().values()


def test_without_any_key_all_are_named(make_hub: HubMaker, settings: Any) -> None:
    make_hub("hub", OLDER)
    before = tokens()
    settings.FIELD_ENCRYPTION_KEYS = []
    with pytest.raises(CommandError, match="connector hub: client_secret can't be read"):
        run()
    assert tokens() == before
    Connector.objects.update(client_secret=None)
    assert run() == f"{KIND}: 0 current, 0 re-encrypted\n"


# --- beside a running product -----------------------------------------------------------------


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Let something happen once, after a secret was read and before its UPDATE."""

    def interpose(happens: Callable[[], object]) -> None:
        resealed, left = Secret.resealed, [happens]

        def interrupted(secret: Secret) -> Secret:
            fresh = resealed(secret)
            if left:
                left.pop()()
            return fresh

        monkeypatch.setattr(Secret, "resealed", interrupted)

    return interpose


def test_a_newer_secret_is_never_overwritten(
    make_hub: HubMaker, settings: Any, meanwhile: Callable[[Callable[[], object]], None]
) -> None:
    settings.FIELD_ENCRYPTION_KEYS = [NEWER, OLDER]
    hub = make_hub("hub", OLDER)
    make_hub("next", OLDER)
    newer = Secret.seal("typed meanwhile")
    meanwhile(lambda: Connector.objects.filter(pk=hub.pk).update(client_secret=newer))
    with pytest.raises(CommandError, match="1 were changed meanwhile"):
        run()
    assert tokens()["hub"] == newer
    assert secrets() == {"hub": "typed meanwhile", "next": "secret of next"}
    assert run() == f"{KIND}: 2 current, 0 re-encrypted\n"


def test_what_was_removed_meanwhile_stays_removed(
    make_hub: HubMaker, settings: Any, meanwhile: Callable[[Callable[[], object]], None]
) -> None:
    settings.FIELD_ENCRYPTION_KEYS = [NEWER, OLDER]
    hub = make_hub("hub", OLDER)
    meanwhile(lambda: Connector.objects.filter(pk=hub.pk).update(client_secret=None))
    assert of_connectors(rotate(write=True)) == [Tally(KIND, changed=1)]
    assert tokens() == {"hub": None}


def test_the_same_at_once_does_no_harm(
    make_hub: HubMaker, settings: Any, meanwhile: Callable[[Callable[[], object]], None]
) -> None:
    settings.FIELD_ENCRYPTION_KEYS = [NEWER, OLDER]
    for reference in ("a", "b", "c"):
        make_hub(reference, OLDER)
    meanwhile(lambda: rotate(write=True))
    assert of_connectors(rotate(write=True)) == [Tally(KIND, changed=3)]
    settings.FIELD_ENCRYPTION_KEYS = [NEWER]
    assert secrets() == {reference: f"secret of {reference}" for reference in ("a", "b", "c")}


@pytest.mark.django_db(transaction=True)
def test_a_newer_secret_that_is_being_written_wins(
    make_hub: HubMaker, settings: Any, meanwhile: Callable[[Callable[[], object]], None]
) -> None:
    """The UPDATE waits for the other transaction, and then sees what that wrote."""
    settings.FIELD_ENCRYPTION_KEYS = [NEWER, OLDER]
    hub = make_hub("hub", OLDER)
    newer = Secret.seal("typed meanwhile")
    was_read, is_written = threading.Event(), threading.Event()

    def wait() -> None:
        was_read.set()
        assert is_written.wait(10)

    def rotate_elsewhere() -> list[Tally]:
        try:
            return rotate(write=True)
        finally:
            connection.close()

    meanwhile(wait)
    with ThreadPoolExecutor(1) as pool:
        rotation = pool.submit(rotate_elsewhere)
        assert was_read.wait(10)
        with transaction.atomic():
            Connector.objects.filter(pk=hub.pk).update(client_secret=newer)
            is_written.set()
            time.sleep(0.3)
            assert not rotation.done(), "it waits"
        assert of_connectors(rotation.result(20)) == [Tally(KIND, changed=1)]
    assert tokens() == {"hub": newer}


def test_batches(make_hub: HubMaker, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_rotation, "_BATCH", 2)
    settings.FIELD_ENCRYPTION_KEYS = [NEWER, OLDER]
    for number in range(5):
        make_hub(f"hub-{number}", OLDER)
    with CaptureQueriesContext(connection) as queries:
        assert of_connectors(rotate(write=True)) == [Tally(KIND, stale=5)]
    reads = [query for query in queries if 'FROM "sso_connectors_connector"' in query["sql"]]
    assert len(reads) == 4
    assert of_connectors(rotate(write=True)) == [Tally(KIND, current=5)]


# --- fields of models to come -----------------------------------------------------------------


@pytest.fixture
def registry() -> Iterator[Apps]:
    """Two models that only this test knows: one belongs to a connector, one to nobody."""
    with isolate_apps("sso_connectors") as apps:

        class Keepsake(models.Model):  # noqa: DJ008
            connector = models.ForeignKey(Connector, on_delete=models.CASCADE, related_name="+")
            access = SecretField("access token")
            refresh = SecretField("refresh token")

            class Meta:
                app_label = "sso_connectors"

        class Orphan(models.Model):  # noqa: DJ008
            word = SecretField()

            class Meta:
                app_label = "sso_connectors"

        class Stand(Orphan):  # noqa: DJ008
            class Meta:
                app_label = "sso_connectors"
                proxy = True

        assert apps is not None
        yield apps


@pytest.mark.django_db(transaction=True)
def test_each_field_of_each_model_is_found(
    registry: Apps, connector: Connector, settings: Any
) -> None:
    found: dict[str, Any] = registry.all_models["sso_connectors"]
    keepsake, orphan = found["keepsake"], found["orphan"]
    settings.FIELD_ENCRYPTION_KEYS = [LOST]
    unreadable = Secret.seal("lost")
    settings.FIELD_ENCRYPTION_KEYS = [OLDER]
    secret = Secret.seal("kept")
    settings.FIELD_ENCRYPTION_KEYS = [NEWER, OLDER]
    with connection.schema_editor() as editor:
        for model in (keepsake, orphan):
            editor.create_model(model)
    try:
        keepsake.objects.create(connector=connector, access=secret, refresh=unreadable)
        lonely = orphan.objects.create(word=unreadable)
        assert rotate(write=True, registry=registry) == [
            Tally("keepsake, access token", stale=1),
            Tally("keepsake, refresh token", unreadable=["connector acme: refresh"]),
            Tally("orphan, word", unreadable=[f"sso_connectors.Orphan {lonely.pk}: word"]),
        ]
        assert keepsake.objects.get().access.is_current
    finally:
        with connection.schema_editor() as editor:
            for model in (keepsake, orphan):
                editor.delete_model(model)
