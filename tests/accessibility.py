"""Whether everybody can use a page, as checks that a browser test can make anywhere."""

from typing import Final, Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

SERIOUS = frozenset({"serious", "critical"})
# A target of 24 px is a rule of WCAG 2.2, which axe leaves out unless asked.
RULES: Final = {"resultTypes": ["violations"], "rules": {"target-size": {"enabled": True}}}
SCHEMES: Final[tuple[Literal["light", "dark"], ...]] = ("light", "dark")
# A line of a file's example is none without its end.
WIDER_THAN_THEY_SHOW: Final = """
[...document.querySelectorAll(":root, body :not(.example)")]
  .filter((box) => box.scrollWidth > box.clientWidth)
  .filter((box) => box.matches(":root") || /auto|scroll/.test(getComputedStyle(box).overflowX))
  .map((box) => box.outerHTML.split(">")[0])
"""


def expect_no_sideways_scroll(page: Page) -> None:
    """Neither the page nor a box on it has to be pushed aside to be read."""
    page.wait_for_load_state()
    assert page.evaluate(WIDER_THAN_THEY_SHOW) == []


def expect_accessible(page: Page) -> None:
    """Fail on anything serious that axe-core finds, naming the rule and each element."""
    page.wait_for_load_state()
    # A colour on its way to another theme is neither.
    page.evaluate("document.getAnimations().forEach((each) => each.finish())")
    found = "\n".join(
        f"{violation['id']}: {violation['help']}: {[node['target'] for node in violation['nodes']]}"
        for violation in Axe().run(page, options=RULES).response["violations"]
        if violation["impact"] in SERIOUS
    )
    assert not found, found


def expect_accessible_in_each_theme(page: Page) -> None:
    """Light and dark have colours of their own."""
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        expect_accessible(page)
