"""The screens' words: what the glossary replaced stays away, in both languages."""

import re
from pathlib import Path
from typing import Final

import polib
import pytest

CATALOGUE: Final = Path(__file__).resolve().parents[2] / "locale/fr/LC_MESSAGES/django.po"

# What was said before, and is plainer now. Each is looked for in letters of any case.
REPLACED: Final = (
    "name for good",
    "for good is",
    "forget the identifier",
    "forget all identifiers",
    "whose turn",
    "your turn",
    "then it is the turn",
    "finer points",
    "who and when the",
    "understood as",
    "another, or not known yet",
    "nothing does at the moment",
    "the test went well",
    "nothing is to be done",
    "must reconnect",
    "put together as forged ones are",
    "why, stands under",
    "left alone for another 20 seconds",
    "by now linked",
    "what was so already",
    "put them right in the file",
    "put it right in the file",
    "to the front page",
    "do all of this",
    "what came as id token is none",
    "who is no user yet",
    "the customer's IT person lets",
    "let its server set its clock",
    "who holds the server",
    "ask for the password again",
    "the person said no",
)
REPLACED_IN_FRENCH: Final = (
    "à qui d’agir",
    "c’est d’abord à vous",
    "c’est alors à",
    "réglages fins",
    "demande votre attention",
    "connexion de l’équipe",
    "l’équipe peut",
    "l’informaticien du client",
    "se souvient de vous",
    "modification de utilisateur",
    "public visé",
)


def found(texts: list[str], words: tuple[str, ...]) -> list[str]:
    pattern = re.compile("|".join(map(re.escape, words)), re.IGNORECASE)
    return [text for text in texts if pattern.search(text)]


@pytest.fixture(scope="module")
def catalogue() -> polib.POFile:
    return polib.pofile(str(CATALOGUE))


def test_the_glossary_in_english(catalogue: polib.POFile) -> None:
    texts = [text for entry in catalogue for text in (entry.msgid, entry.msgid_plural) if text]
    assert len(texts) > 1000
    assert found(texts, REPLACED) == []


def test_the_glossary_in_french(catalogue: polib.POFile) -> None:
    texts = [
        text
        for entry in catalogue
        for text in (entry.msgstr, *entry.msgstr_plural.values())
        if text
    ]
    assert found(texts, REPLACED_IN_FRENCH) == []
