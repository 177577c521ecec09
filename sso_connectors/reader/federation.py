"""The metadata of a whole federation: one identity provider is cut out of it, and only that is parsed."""

import html
import re
from typing import Final

# Attributes hold no angle brackets; so each of these ends at the next one, in linear time.
_ENTITY: Final = re.compile(r"<((?:[\w.-]{1,40}:)?EntityDescriptor)\s[^<>]*>")
_ENTITIES: Final = re.compile(r"<(?:[\w.-]{1,40}:)?EntitiesDescriptor\s[^<>]*>")
_ENTITY_ID: Final = re.compile(r"\sentityID\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")
_DECLARATION: Final = re.compile(r"xmlns(?::[\w.-]{1,40})?\s*=\s*(?:\"[^\"]*\"|'[^']*')")
_DISPLAY_NAME: Final = re.compile(r"DisplayName(?:\s[^<>]{0,200})?>([^<]{1,200})<")
_SAML2: Final = "urn:oasis:names:tc:SAML:2.0:protocol"


def cut(text: str) -> dict[str, tuple[str, str]]:
    """Return each identity provider's names and its own XML, by its entity ID.

    What is cut out carries the namespaces that the elements around it declare.
    """
    around = " ".join(dict.fromkeys(_DECLARATION.findall(" ".join(_ENTITIES.findall(text)[:20]))))
    found: dict[str, tuple[str, str]] = {}
    start = 0
    while match := _ENTITY.search(text, start):
        end = text.find(f"</{match[1]}>", match.end())
        if end < 0:
            break
        piece = text[match.start() : end + len(match[1]) + 3]
        start = end
        named = _ENTITY_ID.search(match[0])
        if named and "IDPSSODescriptor" in piece and _SAML2 in piece:
            entity_id = html.unescape(named[1] or named[2] or "").strip()
            names = html.unescape(" ".join(_DISPLAY_NAME.findall(piece)))
            found.setdefault(entity_id, (names, f"<fragment {around}>{piece}</fragment>"))
    found.pop("", None)
    return found
