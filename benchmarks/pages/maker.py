"""The Maker in a process of its own: fills its database, then opens page after page as a superuser."""

from typing import Any, Final

from django.core.management import call_command
from django.db import connection
from django.test import Client

from ..product import BASE
from ..worker import Answering, Message, Moment
from .pages import Page, pages
from .scene import fill
from .size import Size

_HOST: Final = BASE.removeprefix("http://")


def start(setup: Message) -> Answering:
    """A message {"count": true} is answered with each page's statements and bytes, any other with its times."""
    size = Size(**setup)
    call_command("migrate", verbosity=0)
    client = Client(HTTP_HOST=_HOST)
    client.force_login(fill(size), backend="sso_connectors.login.sessions.PasswordBackend")
    measured = list(pages(size))
    for page in measured:  # imports and caches that only the first requests pay for
        _open(client, page)

    def answer(message: Message) -> Message:
        if message.get("count"):
            return {"pages": [_counted(client, page) for page in measured]}
        return {"seconds": [_timed(client, page) for page in measured]}

    return answer


def _open(client: Client, page: Page) -> bytes:
    response = client.get(page.url)
    content = response.content
    if response.status_code != 200 or page.shows not in content.decode():
        raise AssertionError(f"{page.name}: {response.status_code}, without {page.shows!r}")
    return content


def _timed(client: Client, page: Page) -> tuple[float, float]:
    moment = Moment.now()
    _open(client, page)
    return moment.since()


def _counted(client: Client, page: Page) -> Message:
    statements: list[str] = []

    def count(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        statements.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(count):
        content = _open(client, page)
    return {"name": page.name, "queries": len(statements), "bytes": len(content)}
