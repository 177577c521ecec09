"""Whether everybody can use a page, as checks that a browser test can make anywhere."""

from typing import Final, Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

SERIOUS = frozenset({"serious", "critical"})
SCHEMES: Final[tuple[Literal["light", "dark"], ...]] = ("light", "dark")


def expect_no_sideways_scroll(page: Page) -> None:
    page.wait_for_load_state()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def expect_accessible(page: Page) -> None:
    """Fail on anything serious that axe-core finds, naming the rule and each element."""
    page.wait_for_load_state()
    # A colour on its way to another theme is neither.
    page.evaluate("Promise.all(document.getAnimations().map((each) => each.finished))")
    found = "\n".join(
        f"{violation['id']}: {violation['help']}: {[node['target'] for node in violation['nodes']]}"
        for violation in Axe().run(page).response["violations"]
        if violation["impact"] in SERIOUS
    )
    assert not found, found


def expect_accessible_in_each_theme(page: Page) -> None:
    """Light and dark have colours of their own."""
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        expect_accessible(page)
