"""The product on a real port, identity providers that are not ours, and a real Chromium.

The product is at localhost, the identity providers at 127.0.0.2: for a browser that is another site,
so SameSite counts as it does in production.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import product
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connections
from playwright.sync_api import Browser, BrowserContext, Page
from pytest_django.live_server_helper import LiveServer

from tests.accessibility import SCHEMES
from tests.conftest import ConnectorMaker, client_of, require
from tests.idp import IdP
from tests.openid import OpenIdProvider
from tests.rigs import browser, nanoidp, simplesamlphp
from tests.rigs.process import IdentityProvider
from users.models import User

from .pictures import WIDTHS
from .ways import OAuth2, Saml, Way

IDP_HOST = "127.0.0.2"
ProviderStarter = Callable[..., IdentityProvider]


@pytest.fixture(params=["saml2", "oauth2"])
def way(
    request: pytest.FixtureRequest,
    make_connector: ConnectorMaker,
    idp: IdP,
    provider: OpenIdProvider,
) -> Way:
    """Both protocols, one after the other."""
    if request.param == "saml2":
        return Saml(make_connector, idp)
    return OAuth2(make_connector, provider)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    require(browser.available())
    with browser.chromium() as launched:
        yield launched
        # Once Playwright's event loop is gone, Django no longer finds the connection that it opened
        # meanwhile, and PostgreSQL drops no database that somebody is connected to.
        connections.close_all()


@pytest.fixture
def site(live_server: LiveServer, settings: object) -> str:
    """The product's address, which is also its PUBLIC_BASE_URL."""
    settings.PUBLIC_BASE_URL = live_server.url  # type: ignore[attr-defined]
    return str(live_server.url)


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    made = chromium.new_context(viewport={"width": 1280, "height": 800}, locale="en-GB")
    made.set_default_timeout(15_000)
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A page on which any complaint of the browser about our pages fails the test."""
    complaints: list[str] = []
    made = context.new_page()
    made.on(
        "console",
        lambda message: (
            complaints.append(message.text)
            if message.type == "error"
            and "localhost" in message.location.get("url", "")
            and "Failed to load resource" not in message.text
            else None
        ),
    )
    made.on("pageerror", lambda error: complaints.append(str(error)))
    yield made
    assert not complaints


@pytest.fixture(params=list(product(SCHEMES, WIDTHS)), ids=lambda each: f"{each[0]}-{each[1]}")
def look(request: pytest.FixtureRequest, page: Page) -> str:
    """The page in the light and in the dark, on a desk and on a phone; which of the four it is."""
    scheme, width = request.param
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 800})
    return f"{scheme}-{width}"


def bring_in(page: Page, site: str, user: User) -> None:
    """Give the browser the session that signing in by password gives."""
    cookie = client_of(user).cookies[settings.SESSION_COOKIE_NAME]
    page.context.add_cookies(
        [
            {
                "name": cookie.key,
                "value": cookie.value,
                "url": site,
                "httpOnly": True,
                "sameSite": "Lax",
            }
        ]
    )


@pytest.fixture
def start_simplesamlphp(site: str, tmp_path: Path) -> Iterator[ProviderStarter]:
    require(simplesamlphp.available())
    with ExitStack() as at_the_end:

        def start(**options: object) -> IdentityProvider:
            provider = simplesamlphp.start(
                folder=tmp_path / "simplesamlphp",
                sp_entity_id=f"{site}/api/saml/metadata",
                acs_url=f"{site}/api/sso/login/callback",
                host=IDP_HOST,
                **options,  # type: ignore[arg-type]
            )
            at_the_end.callback(provider.stop)
            return provider

        yield start


@pytest.fixture
def nano(site: str, tmp_path: Path) -> Iterator[IdentityProvider]:
    require(nanoidp.available())
    with nanoidp.start(
        folder=tmp_path / "nanoidp",
        sp_entity_id=f"{site}/api/saml/metadata",
        acs_url=f"{site}/api/sso/login/callback",
        host=IDP_HOST,
    ) as provider:
        yield provider
