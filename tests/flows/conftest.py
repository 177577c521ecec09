"""The product on a real port, identity providers that are not ours, and a real Chromium.

The product is at localhost, the identity providers at 127.0.0.2: for a browser that is another site,
so SameSite counts as it does in production.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page
from pytest_django.live_server_helper import LiveServer

from tests.conftest import require
from tests.rigs import browser, nanoidp, simplesamlphp
from tests.rigs.process import IdentityProvider

IDP_HOST = "127.0.0.2"
ProviderStarter = Callable[..., IdentityProvider]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    require(browser.available())
    with browser.chromium() as launched:
        yield launched


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


@pytest.fixture
def start_simplesamlphp(site: str, tmp_path: Path) -> Iterator[ProviderStarter]:
    require(simplesamlphp.available())
    started: list[IdentityProvider] = []

    def start(**options: object) -> IdentityProvider:
        started.append(
            simplesamlphp.start(
                folder=tmp_path / "simplesamlphp",
                sp_entity_id=f"{site}/api/saml/metadata",
                acs_url=f"{site}/api/sso/login/callback",
                host=IDP_HOST,
                **options,  # type: ignore[arg-type]
            )
        )
        return started[-1]

    yield start
    for provider in started:
        provider.stop()


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
