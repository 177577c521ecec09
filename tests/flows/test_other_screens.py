"""The screens that no story of another file passes through: each fits, and axe finds nothing serious.

Each is left as a picture in var/pictures/, to be looked at.
"""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import OperationalError
from django.utils import timezone
from playwright.sync_api import Page, expect

from maker import views
from sso_connectors.models import Connector
from sso_connectors.models.attempt import Attempt, Outcome
from sso_connectors.models.token import Token, TokenState
from sso_connectors.secrets.encryption import Secret
from tests.agent import CALLBACK, Agent
from tests.conftest import ConnectorMaker, UserMaker
from tests.idp import IdP, form_value
from users.models import User

from .pictures import WIDTHS, look
from .test_linking_pages import USERS
from .test_maker import PASSWORD, administrator

__all__ = ["administrator"]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
]


@pytest.fixture
def hub(make_connector: ConnectorMaker) -> Connector:
    return make_connector(
        "hub",
        name="Hub & Spoke Versicherungsgesellschaft auf Gegenseitigkeit",
        type="oauth2",
        authentication_method="hubspot",
        options={"hub_id": "62515"},
        client_id="x",
        client_secret=Secret.seal("y"),
        certificates="",
    )


@pytest.fixture
def carol(make_user: UserMaker, connector: Connector, hub: Connector) -> User:
    """Signed in through one connector, and must reconnect to the other."""
    made = make_user("carol@acme.example", connector, hub, full_name="Carol Clark")
    now = timezone.now()
    made.links.update(last_sign_in_at=now - timedelta(hours=3), subject="0c1f4e-88a2-4d1b-9c55")
    Token.objects.create(
        link=made.links.get(connector=hub),
        connector=hub,
        issuer="https://app.hubspot.com",
        client_id="x",
        access_token=Secret.seal("t"),
        obtained_at=now,
        state=TokenState.RECONNECT_NEEDED,
        reason="invalid_grant",
    )
    return made


def test_user_lists(administrator: Page, site: str, carol: User) -> None:
    page = administrator
    for name, path in (("users", ""), ("users-none", "?q=nobody"), ("user-add", "add/")):
        page.goto(f"{site}{USERS}{path}")
        look(page, name)


def test_saved_by_somebody_else_meanwhile(
    administrator: Page, site: str, connector: Connector
) -> None:
    page = administrator
    page.goto(f"{site}/maker/sso_connectors/connector/{connector.pk}/change/")
    page.get_by_label("Name:").fill("Acme, Inc.")
    Connector.objects.update(contact="it@acme.example", enabled=False)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(
        page.get_by_text("Changed since you opened this page: Contact and Enabled.")
    ).to_be_visible()
    look(page, "connector-overtaken")

    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("was changed successfully")).to_be_visible()
    assert Connector.objects.get().enabled


def test_user_card(administrator: Page, site: str, carol: User) -> None:
    page = administrator
    for name, path in (
        ("card-superuser", f"{User.objects.get(is_superuser=True).pk}/change/"),
        ("card", f"{carol.pk}/change/"),
        ("user-delete", f"{carol.pk}/delete/"),
        ("user-password", f"{carol.pk}/password/"),
        ("user-history", f"{carol.pk}/history/"),
    ):
        page.goto(f"{site}{USERS}{path}")
        look(page, name)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("place", ["card", "group"])
def test_permissions_are_read_whole(
    administrator: Page, site: str, carol: User, place: str, width: int
) -> None:
    """However long: none is cut, and each stands beside its box."""
    page = administrator
    page.set_viewport_size({"width": width, "height": 900})
    card = f"{USERS}{carol.pk}/change/"
    page.goto(site + (card if place == "card" else "/maker/auth/group/add/"))
    boxes = page.get_by_role("group", name="permissions")
    expect(boxes.get_by_label("and change what they trust")).to_be_visible()
    names = boxes.locator("label")
    assert (
        names.evaluate_all("all => all.filter(each => each.scrollWidth > each.clientWidth)") == []
    )
    widths = names.evaluate_all("all => all.map(each => each.firstElementChild.offsetWidth)")
    assert len(set(widths)) == 1, "none is drawn out"


def test_connectors_of_the_user_card(administrator: Page, site: str, carol: User) -> None:
    page = administrator
    page.goto(f"{site}{USERS}{carol.pk}/change/#sso-connectors")
    expect(page.locator("#links-group")).to_contain_text("reconnection needed")
    look(page, "card-connectors")
    page.get_by_role("button", name="Add another SSO connector").click()
    expect(page.get_by_role("combobox", name="SSO connector")).to_be_visible()
    look(page, "card-connectors-adding")


def test_what_an_autocomplete_is_for_is_said(
    administrator: Page, site: str, carol: User, connector: Connector
) -> None:
    page = administrator
    page.goto(f"{site}{USERS}?q=carol")
    page.locator("#action-toggle").check()
    page.locator("select[name=action]").select_option(label="Link to an SSO connector")
    page.get_by_role("button", name="Go").click()
    look(page, "link-choose")

    for width in WIDTHS:
        # The list is as wide as its box was when it was opened.
        page.set_viewport_size({"width": width, "height": 900})
        page.get_by_role("combobox", name="SSO connector").click()
        search = page.get_by_role("searchbox", name="SSO connector")
        search.fill("acm")
        expect(page.get_by_role("option", name="Acme")).to_be_visible()
        expect(page.get_by_role("option")).to_have_count(1)
        look(page, "link-choose-open", widths=[width])
        page.get_by_role("option", name="Acme").click()
        expect(page.get_by_role("combobox", name="SSO connector")).to_contain_text("Acme")


def test_groups_and_addresses(
    administrator: Page, site: str, connector: Connector, hub: Connector
) -> None:
    page = administrator
    group = Group.objects.get(name="Maker administrator")
    for name, path in (
        ("groups", ""),
        ("group-add", "add/"),
        ("group", f"{group.pk}/change/"),
        ("group-history", f"{group.pk}/history/"),
        ("group-delete", f"{group.pk}/delete/"),
    ):
        page.goto(f"{site}/maker/auth/group/{path}")
        look(page, name)
    expect(page.locator("#content")).not_to_contain_text("object (")
    page.get_by_role("button", name="Yes, I’m sure").click()
    expect(page.locator(".messagelist")).to_be_visible()
    assert not Group.objects.filter(pk=group.pk).exists()

    page.goto(f"{site}/maker/sso_connectors/connector/")
    page.locator("#action-toggle").check()
    page.locator("select[name=action]").select_option("copy_login_addresses")
    page.locator("button[name=index]").click()
    expect(page.get_by_role("button", name="Copy all")).to_be_visible()
    look(page, "login-addresses")


def test_front_page_of_those_who_may_little(page: Page, site: str, make_user: UserMaker) -> None:
    for name, permissions in {
        "none": (),
        "connectors": ("view_connector",),
        "users": ("view_user", "view_link"),
    }.items():
        user = make_user(f"{name}@maker.example", password=PASSWORD, is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
        page.context.clear_cookies()
        page.goto(f"{site}/maker/")
        page.get_by_label("Username").fill(user.username)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", name="Overview")).to_be_visible()
        look(page, f"overview-{name}")
    page.goto(f"{site}/maker/sso_connectors/connector/")
    expect(page.get_by_role("heading", name="You don't have access to this page")).to_be_visible()
    look(page, "permission-denied")
    page.goto(f"{site}/maker/password_change/")
    page.get_by_label("Old password").fill("wrong")
    page.get_by_label("New password:").fill("a")
    page.get_by_label("New password confirmation").fill("b")
    page.get_by_role("button", name="Change my password").click()
    expect(page.get_by_text("Your old password was entered incorrectly")).to_be_visible()
    look(page, "password-change-errors")


def test_staff_sign_in_that_fails(page: Page, site: str) -> None:
    page.goto(f"{site}/maker/login/")
    heading = page.get_by_role("heading", name="Too many wrong passwords")
    for number in range(20):
        page.get_by_label("Username").fill("root@maker.example")
        page.get_by_label("Password").fill("wrong")
        page.get_by_role("button", name="Sign in").click()
        if heading.is_visible():
            break
        if not number:
            look(page, "staff-wrong-password")
    expect(heading).to_be_visible()
    look(page, "locked-out")


@pytest.mark.parametrize(
    "cause", ["not_admitted", "declined", "identity_provider_away", "no_such_login"]
)
def test_failures(page: Page, site: str, connector: Connector, cause: str) -> None:
    attempt = Attempt.objects.create(connector=connector, outcome=Outcome.FAILED, cause=cause)
    page.goto(f"{site}/api/sso/login/callback?failed={attempt.code}")
    expect(page.locator(".code code")).to_have_text(attempt.code)
    look(page, f"failure-{cause}")


def test_nothing_there(page: Page, site: str) -> None:
    page.goto(f"{site}/nowhere")
    look(page, "not-found")


# --- when something goes wrong ----------------------------------------------------------------------


def test_request_that_cannot_be_read(page: Page, site: str) -> None:
    page.goto(f"{site}/sign-in?{'a=&' * 1001}")
    expect(page.get_by_role("heading", name="The request can't be read")).to_be_visible()
    look(page, "bad-request")
    page.get_by_role("link", name="Home").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


@pytest.mark.parametrize(
    ("name", "error", "heading"),
    [
        ("fault", ValueError(), "Something went wrong on our side"),
        ("database-away", OperationalError(), "Temporarily unavailable"),
    ],
)
def test_fault_of_ours(
    page: Page,
    site: str,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    error: Exception,
    heading: str,
) -> None:
    def fail(*arguments: object) -> None:
        raise error

    with monkeypatch.context() as broken:
        broken.setattr(views, "_offer", fail)
        page.goto(f"{site}/sign-in?next=/maker/")
        expect(page.get_by_role("heading", name=heading)).to_be_visible()
        look(page, name)
    page.get_by_role("link", name="Try again").click()
    expect(page).to_have_url(f"{site}/sign-in?next=/maker/")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_form_that_is_not_taken(page: Page, site: str) -> None:
    form = f"{site}/maker/login/?next=/maker/"
    send = page.get_by_role("button", name="Sign in")
    page.goto(form)
    page.get_by_label("Username").fill("root@maker.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.context.clear_cookies()
    send.click()
    expect(page.get_by_role("heading", name="No changes made")).to_be_visible()
    look(page, "form-not-trusted")

    page.get_by_role("link", name="Reload the previous page").click()
    expect(page).to_have_url(form)
    page.get_by_label("Username").fill("root@maker.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.locator("#login-form [name=next]").evaluate("field => field.value = 'x'.repeat(3000000)")
    send.click()
    expect(page.get_by_role("heading", name="The form is too large")).to_be_visible()
    look(page, "form-too-large")
    page.get_by_role("link", name="Reload the previous page").click()
    expect(page).to_have_url(form)
    expect(send).to_be_visible()


def test_tile_of_several_connectors(
    page: Page, site: str, idp: IdP, make_connector: ConnectorMaker
) -> None:
    make_connector("one", name="Acme")
    make_connector("two", name="Hub & Spoke Versicherungsgesellschaft auf Gegenseitigkeit")
    answer = idp.unsolicited(acs_url=f"{site}{CALLBACK}", audience=f"{site}/api/saml/metadata")
    page.goto(Agent().post(form_value(answer))["Location"])
    expect(page.get_by_role("link", name="Hub & Spoke")).to_be_visible()
    look(page, "choose-connector")
