"""What a person's hands do on a page, counted: a clock would measure the machine."""

from playwright.sync_api import Page


class Hands:
    """Counts clicks, fields filled and keys pressed."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.done = 0

    def press(self, name: str) -> None:
        self.done += 1
        self.page.get_by_role("button", name=name, exact=True).click()

    def follow(self, name: str) -> None:
        """Click the first link that is called so, in small letters or capitals."""
        self.done += 1
        self.page.get_by_role("link", name=name).first.click()

    def fill(self, label: str, text: str) -> None:
        self.done += 1
        self.page.get_by_label(label).fill(text)

    def search(self, text: str) -> None:
        """Type into the list's search, and press Enter."""
        self.done += 2
        self.page.get_by_role("searchbox").fill(text)
        self.page.keyboard.press("Enter")
