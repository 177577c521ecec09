"""Pictures of screens, for people to look at: taken only where PICTURES is set, since no test reads them."""

import os
from collections.abc import Sequence
from pathlib import Path

from django.conf import settings
from playwright.sync_api import Locator, Page

from tests.accessibility import SCHEMES, expect_accessible, expect_no_sideways_scroll

WIDTHS = (1280, 390)


def picture(seen: Page | Locator, name: str) -> None:
    """Leave `seen` in var/pictures; of a page the whole, however long."""
    if not os.environ.get("PICTURES"):
        return
    folder = Path(settings.VAR_DIR) / "pictures"
    folder.mkdir(exist_ok=True)
    file = folder / f"{name}.png"
    if isinstance(seen, Page):
        seen.screenshot(path=file, full_page=True)
    else:
        seen.screenshot(path=file)


def look(page: Page, name: str, *, widths: Sequence[int] = WIDTHS) -> None:
    """Leave it as a picture in both themes and all widths, and insist that everybody can use it."""
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        for width in widths:
            page.set_viewport_size({"width": width, "height": 800})
            expect_no_sideways_scroll(page)
            expect_accessible(page)
            picture(page, f"{name}-{scheme}-{width}")
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 1280, "height": 800})
