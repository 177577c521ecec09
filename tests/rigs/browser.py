"""Chromium, for what only a real browser shows: cookies, Content-Security-Policy, forms."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

DEFAULT_EXECUTABLE = "/usr/bin/chromium"

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Two pages of the browser's own behind each window's address bar, which nobody sees here. They took
    # more of the processor than our pages do.
    "--disable-features=WebUIOmniboxPopup,WebUIOmniboxAimPopup,WebUIOmniboxFullPopup",
]


def executable() -> str:
    """The browser to start; the environment's CHROMIUM names another one."""
    return os.environ.get("CHROMIUM", DEFAULT_EXECUTABLE)


def available() -> str | None:
    """None when the browser can run here, else what is missing."""
    if shutil.which(executable()) is None:
        return (
            f"{executable()} isn't there: apt-get install chromium, or set CHROMIUM to a browser "
            "that is installed"
        )
    return None


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless browser; each `new_context()` of it has cookies of its own."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()
