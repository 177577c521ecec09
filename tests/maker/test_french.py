"""French is complete: every string of the code and the pages has its own, and it is compiled."""

import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import polib
import pytest
from django.test import Client
from django.utils.translation import override

from sso_connectors.providers import PROVIDERS
from tests.agent import Agent
from tests.conftest import require

ROOT: Final = Path(__file__).resolve().parents[2]
CATALOGUE: Final = ROOT / "locale" / "fr" / "LC_MESSAGES" / "django.po"
HOST: Final = "localhost:8000"

_placeholders = re.compile(r"%\(\w+\)[sd]|%[sd%]|\{\w*\}").findall
_tags = re.compile(r"</?\w+[^>]*>").findall


@pytest.fixture(autouse=True)
def _language() -> Iterator[None]:
    """A request leaves its language behind in the thread, for the tests that come after."""
    with override("en"):
        yield


def entries() -> list[polib.POEntry]:
    return [entry for entry in polib.pofile(str(CATALOGUE)) if not entry.obsolete]


def texts(entry: polib.POEntry) -> list[tuple[str, str]]:
    """Each English text of an entry with its French."""
    if not entry.msgid_plural:
        return [(entry.msgid, entry.msgstr)]
    return [(entry.msgid, entry.msgstr_plural[0]), (entry.msgid_plural, entry.msgstr_plural[1])]


def test_no_string_lacks_its_french() -> None:
    lacking = [e.msgid for e in entries() if e.fuzzy or not all(fr for _, fr in texts(e))]
    assert lacking == [], "make messages, then translate these in locale/fr"


def test_catalogue_has_every_string(tmp_path: Path) -> None:
    """As `make messages` would find them now."""
    missing = None if shutil.which("xgettext") else "gettext is not installed"
    require(missing)
    for folder in ("maker", "users", "sso_connectors", "templates"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("*.pyc"))
    shutil.copy(ROOT / "manage.py", tmp_path)
    (tmp_path / "locale").mkdir()
    subprocess.run(
        [sys.executable, "manage.py", "makemessages", "-l", "fr", "-i", "*/migrations/*"],
        cwd=tmp_path,
        env={"SECRET_KEY": "x", "DATABASE_URL": "sqlite://:memory:", "PATH": "/usr/bin:/bin"},
        check=True,
        capture_output=True,
        timeout=110,
    )
    found = polib.pofile(str(tmp_path / "locale" / "fr" / "LC_MESSAGES" / "django.po"))
    wanted = {(entry.msgctxt, entry.msgid) for entry in found}
    known = {(entry.msgctxt, entry.msgid) for entry in entries()}
    assert wanted - known == set(), "make messages"
    assert known - wanted == set(), "make messages"


def test_compiled_catalogue_is_that_of_the_text() -> None:
    compiled = {
        (entry.msgctxt, entry.msgid): texts(entry)
        for entry in polib.mofile(str(CATALOGUE.with_suffix(".mo")))
    }
    assert compiled == {(entry.msgctxt, entry.msgid): texts(entry) for entry in entries()}


@pytest.mark.parametrize("find", [_placeholders, _tags])
def test_placeholders_and_tags_are_kept(find: Callable[[str], list[str]]) -> None:
    wrong = [
        (english, french)
        for entry in entries()
        for english, french in texts(entry)
        if Counter(find(english)) != Counter(find(french))
    ]
    assert wrong == []


def test_typography() -> None:
    """No typewriter apostrophe within a word, and blanks that don't break where French wants them."""
    wrong = [
        french
        for entry in entries()
        for _, french in texts(entry)
        if re.search(r"\w'\w|« | »|\w [;!?:](\s|$)", french)
    ]
    assert wrong == []


def test_formal_register() -> None:
    wrong = [
        french
        for entry in entries()
        for _, french in texts(entry)
        if re.search(r"\b(tu|toi|ton|tes)\b", french, re.IGNORECASE)
    ]
    assert wrong == []


# What options are called by us; the others are the vendors' words.
OURS: Final = {
    "Host",
    "Hosted domain",
    "Issuer",
    "Organisation ID",
    "Salesforce host",
    "Trust its e-mail addresses",
}


@pytest.mark.parametrize("method", PROVIDERS)
def test_vendors_words_are_as_on_their_screens(method: str) -> None:
    """Which are in English, whatever language our page is in: they are to be found there."""
    provider = PROVIDERS[method]
    quoted = [*provider.words.values(), *(option.label for option in provider.options)]
    assert {str(words) for words in quoted if not isinstance(words, str)} <= OURS


@pytest.mark.django_db
def test_browsers_language() -> None:
    page = Client(HTTP_HOST=HOST).get("/sign-in", HTTP_ACCEPT_LANGUAGE="fr-CH,fr;q=0.9")
    assert page.headers["Content-Language"] == "fr"
    assert '<html lang="fr">' in page.content.decode()
    other = Client(HTTP_HOST=HOST).get("/sign-in", HTTP_ACCEPT_LANGUAGE="de")
    assert '<html lang="en">' in other.content.decode()


@pytest.mark.django_db
def test_switch() -> None:
    client = Client(HTTP_HOST=HOST, enforce_csrf_checks=True)
    page = " ".join(client.get("/sign-in").content.decode().split())
    assert '<button type="submit" name="language" value="fr" lang="fr">Français</button>' in page
    response = client.post("/language", {"language": "fr", "next": "/sign-in?next=/x"})
    assert response["Location"] == "/sign-in?next=/x"
    assert response.cookies["language"]["httponly"]
    assert '<html lang="fr">' in client.get("/sign-in").content.decode()
    away = client.post("/language", {"language": "en", "next": "https://evil.example/"})
    assert away["Location"] == "/"


@pytest.mark.django_db
def test_failure_page_keeps_its_code_in_the_other_language(agent: Agent) -> None:
    """The address of the page that failed may have been good for one time."""
    page = agent.client.get("/api/sso/login/callback?handle=used-already")
    code = page.context["code"]
    response = agent.client.post(
        "/language", {"language": "fr", "next": page.context["language_next"]}
    )
    again = agent.client.get(response["Location"])
    assert again.context["code"] == code
    assert '<html lang="fr">' in again.content.decode()
