"""What somebody else changes between the comparison of a file and the locks: nothing of theirs is lost."""

import pytest
from django.core.management import CommandError

from sso_connectors.models import Connector, Link
from tests.conftest import ConnectorMaker, UserMaker
from tests.idp import IdP
from tests.rivals import before_it_writes, rival
from users.models import User

from .test_as_code_beside_others import Apply, saml
from .test_as_code_beside_others import apply as apply

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.row(40)]

NOTHING = "Nothing to change."


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
        (
            add_connector,
            "connectors[1] (two): Another connector already has this reference. Upper and",
        ),
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
