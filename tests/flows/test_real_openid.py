"""People sign in through OpenID providers that none of us wrote, in a real Chromium.

What counts is left as a picture in var/pictures/, to be looked at.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Page, Request, Route, expect

from sso_connectors.models import Connector, Link
from sso_connectors.models.attempt import Attempt, Outcome
from sso_connectors.providers import documents
from sso_connectors.secrets.encryption import Secret
from tests.conftest import ConnectorMaker, UserMaker, require
from tests.rigs import nanoidp, oidc_provider
from tests.rigs.oidc_provider import ALGORITHMS, Algorithm, OpenIdProvider

from .conftest import IDP_HOST
from .pictures import picture
from .test_real_providers import expect_signed_in, give_password

pytestmark = [
    pytest.mark.browser,
    pytest.mark.identity_provider,
    pytest.mark.django_db(transaction=True),
]

CERTIFIED_HOST = "127.0.0.3"


class OpenIdStarter(Protocol):
    def __call__(self, **options: Any) -> OpenIdProvider: ...


class Connect(Protocol):
    def __call__(
        self, provider: OpenIdProvider, algorithm: Algorithm = "RS256", **fields: Any
    ) -> None: ...


@pytest.fixture
def start_oidc_provider(site: str, tmp_path: Path) -> Iterator[OpenIdStarter]:
    require(oidc_provider.available())
    with ExitStack() as at_the_end:

        def start(**options: Any) -> OpenIdProvider:
            provider = oidc_provider.start(
                folder=tmp_path / "oidc-provider",
                redirect_uri=f"{site}/api/sso/login/oauth/callback/acme",
                host=CERTIFIED_HOST,
                **options,
            )
            at_the_end.callback(provider.stop)
            return provider

        yield start


@pytest.fixture
def certified(start_oidc_provider: OpenIdStarter) -> OpenIdProvider:
    return start_oidc_provider()


@pytest.fixture
def connect(make_connector: ConnectorMaker, make_user: UserMaker) -> Connect:
    """Make a connector to oidc-provider, with everybody linked whom it knows."""

    def make(provider: OpenIdProvider, algorithm: Algorithm = "RS256", **fields: Any) -> None:
        connector = make_openid_connector(
            make_connector,
            issuer=provider.issuer,
            client_id=oidc_provider.client_id(algorithm),
            client_secret=provider.client_secret,
            **fields,
        )
        for user in provider.users:
            make_user(user.email or f"{user.login}@acme.example", connector)

    return make


def make_openid_connector(
    make_connector: ConnectorMaker,
    *,
    issuer: str,
    client_id: str,
    client_secret: str,
    **fields: Any,
) -> Any:
    return make_connector(
        **{
            "type": "oauth2",
            "authentication_method": "oidc",
            "options": {"issuer": issuer},
            "client_id": client_id,
            "client_secret": Secret.seal(client_secret),
            "issuer_url": "",
            "endpoint": "",
            "certificates": "",
            **fields,
        }
    )


def consent(page: Page, answer: str = "Allow") -> None:
    expect(page.get_by_role("heading", name="Practice consent")).to_be_visible()
    page.get_by_role("button", name=answer).click()


def the_check(name: str) -> dict[str, Any]:
    return next(check for check in Attempt.objects.latest("pk").checks if check["name"] == name)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_oidc_provider(
    page: Page, site: str, certified: OpenIdProvider, connect: Connect, algorithm: Algorithm
) -> None:
    connect(certified, algorithm)

    page.goto(f"{site}/api/sso/login/acme")
    assert page.url.startswith(certified.issuer)
    give_password(page)
    consent(page)

    expect_signed_in(page, site)
    assert Attempt.objects.get().outcome == Outcome.SIGNED_IN
    assert algorithm in the_check("ID token signature")["received"]
    assert the_check("response issuer")["received"] == certified.issuer
    assert Link.objects.get(user__username="alice@acme.example").subject == "alice"
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(f"{site}/signed-out")
    page.goto(f"{site}/")
    assert "/sign-in" in page.url


def test_oidc_provider_answers_by_post(
    page: Page, site: str, certified: OpenIdProvider, connect: Connect
) -> None:
    """The product never asks for it, so the browser does: a cross-site POST, which has no cookie."""
    connect(certified)
    posted: list[Request] = []
    page.on("request", lambda request: posted.append(request) if _is_answer(request) else None)

    def ask_for_post(route: Route) -> None:
        answer = route.fetch(max_redirects=0)
        location = f"{answer.headers['location']}&response_mode=form_post"
        route.fulfill(response=answer, headers={**answer.headers, "location": location})

    page.route(f"{site}/api/sso/login/acme", ask_for_post)

    page.goto(f"{site}/api/sso/login/acme")
    give_password(page)
    consent(page)

    expect_signed_in(page, site)
    (request,) = posted
    assert "cookie" not in request.all_headers()
    assert "code" in parse_qs(request.post_data or "")


def _is_answer(request: Request) -> bool:
    return (
        request.method == "POST"
        and urlsplit(request.url).path == "/api/sso/login/oauth/callback/acme"
    )


def test_declined_consent(
    page: Page, site: str, certified: OpenIdProvider, connect: Connect
) -> None:
    connect(certified, contact="it@acme.example")

    page.goto(f"{site}/api/sso/login/acme")
    give_password(page)
    consent(page, "Decline")

    page.wait_for_url(f"{site}/**")
    attempt = Attempt.objects.get()
    assert (attempt.outcome, attempt.cause) == (Outcome.FAILED, "declined")
    expect(page.get_by_text("Sign-in was cancelled.")).to_be_visible()
    expect(page.get_by_text(attempt.code)).to_be_visible()
    picture(page, "openid-declined")
    page.goto(f"{site}/")
    assert "/sign-in" in page.url


@pytest.mark.parametrize("login", ["zoe", "nomail"])
def test_address_that_nobody_vouches_for_is_refused(
    page: Page, site: str, certified: OpenIdProvider, connect: Connect, login: str
) -> None:
    """Anybody can type another's address into their own account there."""
    connect(certified)

    page.goto(f"{site}/api/sso/login/acme")
    give_password(page, login)
    consent(page)

    expect(page.get_by_role("heading", name="You are not signed in")).to_be_visible()
    picture(page, f"openid-{login}")
    assert the_check("e-mail address")["passed"] is False
    assert not Link.objects.exclude(subject=None).exists()


@pytest.mark.parametrize("was_announced", [True, False], ids=["announced", "sudden"])
def test_key_roll_over(
    chromium: Browser,
    site: str,
    start_oidc_provider: OpenIdStarter,
    connect: Connect,
    monkeypatch: pytest.MonkeyPatch,
    was_announced: bool,
) -> None:
    """A drill: the provider changes its keys between two sign-ins, and nobody notices."""
    old = start_oidc_provider(keys=(1, 2) if was_announced else (1,))
    connect(old)
    # As if the last look were long ago.
    monkeypatch.setattr(documents, "BETWEEN_LOOKS", 0)
    monkeypatch.setattr(documents, "_FETCHING", 0)

    def sign_in() -> str:
        context = chromium.new_context()
        page = context.new_page()
        page.goto(f"{site}/api/sso/login/acme")
        give_password(page)
        consent(page)
        expect_signed_in(page, site)
        context.close()
        return str(the_check("ID token signature")["received"])

    assert "rsa-1" in sign_in()
    old.stop()
    start_oidc_provider(keys=(2, 1) if was_announced else (2,), port=urlsplit(old.issuer).port)
    assert "rsa-2" in sign_in()


def test_password_is_asked_again(
    page: Page, site: str, certified: OpenIdProvider, connect: Connect
) -> None:
    """Somebody signed in at the provider is asked by a connector that wants that, and by no other."""
    connect(certified)
    page.goto(f"{site}/api/sso/login/acme")
    give_password(page)
    consent(page)
    expect_signed_in(page, site)

    page.goto(f"{site}/api/sso/login/acme?next=/sign-in")
    expect(page).to_have_url(f"{site}/sign-in")

    Connector.objects.update(force_authn=True)
    page.goto(f"{site}/api/sso/login/acme")
    expect(page.get_by_role("heading", name="Practice sign-in")).to_be_visible()
    give_password(page)
    expect_signed_in(page, site)
    assert the_check("authentication time")["passed"] is True


def test_nanoidp(
    page: Page, site: str, tmp_path: Path, make_connector: ConnectorMaker, make_user: UserMaker
) -> None:
    require(nanoidp.available())
    client = nanoidp.Client("maker", "only-for-tests", f"{site}/api/sso/login/oauth/callback/acme")
    with nanoidp.start(
        folder=tmp_path / "nanoidp",
        sp_entity_id=f"{site}/api/saml/metadata",
        acs_url=f"{site}/api/sso/login/callback",
        host=IDP_HOST,
        client=client,
    ) as provider:
        connector = make_openid_connector(
            make_connector,
            issuer=provider.base_url,
            client_id=client.client_id,
            client_secret=client.client_secret,
        )
        make_user("alice@acme.example", connector)

        page.goto(f"{site}/api/sso/login/acme")
        assert page.url.startswith(provider.base_url)
        give_password(page)

        expect_signed_in(page, site)
        assert Link.objects.get().subject == "alice"

        page.goto(f"{site}/api/sso/login/acme?next=/sign-in")
        give_password(page, "carol")
        expect(page.get_by_role("heading", name="You are not signed in")).to_be_visible()
