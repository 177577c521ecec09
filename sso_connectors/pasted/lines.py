"""The lines of an identity provider's screen: a label, and beside or beneath it a value."""

import re
from dataclasses import dataclass, field
from typing import Final

from django.utils.translation import gettext as _

from .. import idp_words
from ..certificates import normalise_certificates
from .labels import LABELS, Kind
from .ours import is_ours
from .understood import Understood

_KINDS: Final = {label: kind for kind, labels in LABELS.items() for label in labels}
# The longest first, or “Issuer” would be found in “Issuer URL”.
_LABEL: Final = re.compile(
    r"\W*(?:\d{1,2}\W+)?(?P<label>"
    + "|".join(
        re.escape(label).replace(r"\ ", " ") for label in sorted(_KINDS, key=len, reverse=True)
    )
    + r")(?!\w)",
    re.IGNORECASE,
)
# Each for one character, so that places in the evened line are places in the line.
_EVEN: Final = str.maketrans({"’": "'", "-": " ", "\u2010": " ", "_": " ", "\u00a0": " "})
# As in `certificates`: searching on for a block's own END would take quadratic time.
_BLOCK: Final = re.compile(
    r"-----BEGIN [A-Z0-9 ]+-----(?:(?!-----).)*-----END [A-Z0-9 ]+-----", re.S
)
_REMARK: Final = re.compile(r"\s*\([^()]*\)")
_ADDRESS: Final = re.compile(r"(?:https?://|urn:)\S+", re.IGNORECASE)
# As tools write the name of a certificate's issuer.
_IN_NAME: Final = re.compile(r"/?[A-Za-z.]+=").match
_BASE64: Final = re.compile(r"[A-Za-z0-9+/=]+").fullmatch
_BEFORE: Final = " \t\u00a0:=|>*`\"'“”«»"
# An equals sign may be a value's own: base64 ends in it.
_BEHIND: Final = " \t\u00a0|>*`\"'“”«»,;"
# A screen holds less; this bounds the time.
_LONGEST: Final = 20_000
_LONGEST_LABEL: Final = 200
_SHORTEST_BODY: Final = 100
_WIDEST: Final = 80


@dataclass
class _Screen:
    """What was found so far."""

    values: dict[Kind, str] = field(default_factory=dict)
    bodies: list[list[str]] = field(default_factory=list)
    ours: list[str] = field(default_factory=list)

    def take(self, kind: Kind, value: str) -> None:
        if is_ours(value):
            self.ours.append(value)
        elif value and kind is not Kind.OTHER:
            self.values.setdefault(kind, value)

    def has_more(self, line: str) -> bool:
        """Whether `line` goes on with the last certificate, and isn't a word below it."""
        body = self.bodies[-1]
        return bool(_BASE64(line)) and (
            not body
            or (
                not body[-1].endswith("=") and len(line) <= len(body[-1]) == len(body[0]) <= _WIDEST
            )
        )

    def certificates(self) -> list[str]:
        whole = map("".join, self.bodies)
        return [normalise_certificates(each) for each in whole if len(each) >= _SHORTEST_BODY]


def read_lines(text: str) -> Understood | None:
    """Return what is found beside known labels and in PEM blocks; None where there is neither.

    Raises ValidationError about a certificate.
    """
    has_blocks = "-----BEGIN" in text or "-----END" in text
    screen = _read(_BLOCK.sub("\n", text))
    certificates = ""
    if has_blocks:
        certificates = normalise_certificates(text)
    elif found := screen.certificates():
        certificates = normalise_certificates("".join(found))
    if not (certificates or screen.values or screen.ours):
        return None
    return Understood(
        issuer_url=screen.values.get(Kind.ISSUER_URL, ""),
        endpoint=screen.values.get(Kind.ENDPOINT, ""),
        certificates=certificates,
        url=screen.values.get(Kind.METADATA, ""),
        notes=tuple(
            _("%(address)s is our own address, and was left out.") % {"address": address[:200]}
            for address in dict.fromkeys(screen.ours)
        ),
    )


def _read(text: str) -> _Screen:
    screen = _Screen()
    if len(text) > _LONGEST:
        return screen
    waiting: Kind | None = None
    for line in filter(None, map(str.strip, text.splitlines())):
        match = _LABEL.match(line[:_LONGEST_LABEL].translate(_EVEN))
        if match:
            rest = _REMARK.sub("", line[match.end() :], count=1).lstrip(_BEFORE)
            waiting = _KINDS[" ".join(match["label"].lower().split())]
            if waiting is Kind.CERTIFICATE:
                screen.bodies.append([rest] if _BASE64(rest) else [])
            elif rest:
                screen.take(waiting, _beside(waiting, rest))
                waiting = None
        elif waiting is Kind.CERTIFICATE and screen.has_more(line):
            screen.bodies[-1].append(line)
        elif line.startswith("MII") and _BASE64(line):
            screen.bodies.append([line])
            waiting = Kind.CERTIFICATE
        else:
            kind = waiting if waiting not in (None, Kind.CERTIFICATE) else _kind_of(line)
            waiting = None
            if kind is not None:
                screen.take(kind, _address_in(line))
    return screen


def _kind_of(line: str) -> Kind | None:
    """An address alone on its line tells what it is only where we know the identity provider."""
    value = line.lstrip(_BEFORE).rstrip(_BEHIND)
    if idp_words.of_endpoint(value):
        return Kind.ENDPOINT
    return Kind.ISSUER_URL if idp_words.of_issuer(value) else None


def _beside(kind: Kind, rest: str) -> str:
    """An issuer may be any word, but not a certificate's."""
    if kind is Kind.ISSUER_URL and len(rest.split(maxsplit=1)) == 1 and not _IN_NAME(rest):
        return rest.rstrip(_BEHIND)
    return _address_in(rest)


def _address_in(text: str) -> str:
    found = _ADDRESS.search(text)
    return found[0].rstrip(_BEHIND) if found else ""
