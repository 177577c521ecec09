"""Pictures of screens, for people to look at: taken only where PICTURES is set, since no test reads them."""

import os
from pathlib import Path

from django.conf import settings
from playwright.sync_api import Locator, Page


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
