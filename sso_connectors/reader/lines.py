"""The lines of an identity provider's screen, a mail or a program: a label, and beside or beneath it a value."""

import re
from dataclasses import dataclass, field
from typing import Final

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from ..certificates.parsing import PRIVATE_KEY, find_bodies, read_certificates
from . import idp_words
from .labels import Kind, kind_of
from .ours import is_ours
from .understood import Understood

# As in `certificates`: searching on for a block's own END would take quadratic time.
_BLOCK: Final = re.compile(
    r"-----BEGIN [A-Z0-9 ]+-----(?:(?!-----).)*(?:-----END [A-Z0-9 ]+-----)?", re.S
)
_ADDRESS: Final = re.compile(r"(?:https?://|urn:)[^\s<>\"|]+", re.IGNORECASE)
_SCHEMELESS: Final = re.compile(
    r"(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?::\d{1,5})?/[^\s<>\"|]+"
)
_BULLET: Final = re.compile(r"\W*(?:\d{1,2}[.)]?\s+)?")
_SEPARATOR: Final = re.compile(r"\s*(?:[:=|\t]|=>|->|\s[\u2013\u2014-]\s|\s{2,})\s*")
# As tools write the name of a certificate's issuer.
_IN_NAME: Final = re.compile(r"/?[A-Za-z.]+=").match
_BASE64: Final = re.compile(r"[A-Za-z0-9+/=]+").fullmatch
_LONG_BASE64: Final = re.compile(r"(?<![A-Za-z0-9+/=])[A-Za-z0-9+/]{100,}={0,2}")
_FREE_TEXT: Final = re.compile(r"[\w.@:/+~-]{2,200}").fullmatch
# Buttons beside a value, which a browser copies too.
_BUTTONS: Final = frozenset(
    [
        "copy",
        "copied",
        "download",
        "edit",
        "hide",
        "open",
        "show",
        "view",
        "copier",
        "copié",
        "modifier",
        "télécharger",
        "afficher",
        "required",
        "optional",
        "obligatoire",
        "facultatif",
        "none",
        "n/a",
        "aucun",
    ]
)
_BEFORE: Final = " \t\u00a0:=|>*`\"'“”«»"
# An equals sign may be a value's own: base64 ends in it.
_BEHIND: Final = " \t\u00a0|>*`\"'“”«»,;"
# A screen holds less; this bounds the time.
_LONGEST: Final = 20_000
_LONGEST_LINE: Final = 4_096
_LONGEST_LABEL: Final = 200
_SHORTEST_BODY: Final = 100
_WIDEST: Final = 80
# Between a label and its value a screen has a sentence of help at most, or a button.
_PATIENCE: Final = 2


@dataclass
class _Screen:
    """What was found so far."""

    values: dict[Kind, str] = field(default_factory=dict)
    binding: str = ""
    bodies: list[list[str]] = field(default_factory=list)
    alone: list[str] = field(default_factory=list)
    notes: dict[str, None] = field(default_factory=dict)

    def take(self, kind: Kind, value: str, label: str = "") -> None:
        if not value or kind is Kind.OTHER:
            return
        if is_ours(value):
            self._note(_("%(address)s is our own address and was ignored."), value)
        elif kind is Kind.ENDPOINT and idp_words.starts_a_sign_in(value):
            self._note(
                _(
                    "%(address)s starts a sign-in from the identity provider's "
                    "dashboard, without our request, and was ignored."
                ),
                value,
            )
        elif kind is Kind.ENDPOINT:
            self._take_endpoint(value, label.lower())
        elif kind is Kind.ISSUER_URL and self.values.setdefault(kind, value) != value:
            self._note(_("Another issuer was found in this text and ignored: %(address)s"), value)
        else:
            self.values.setdefault(kind, value)

    def _take_endpoint(self, value: str, label: str) -> None:
        """HTTP-Redirect before HTTP-POST, where they say which is which."""
        said = f"{label} {value.lower()}"
        binding = "redirect" if "redirect" in said else "post" if "post" in label else ""
        if Kind.ENDPOINT not in self.values or (binding, self.binding) == ("redirect", "post"):
            self.values[Kind.ENDPOINT] = value
            self.binding = binding

    def _note(self, sentence: str, address: str) -> None:
        self.notes[sentence % {"address": address[:200]}] = None

    def has_more(self, line: str) -> bool:
        """Whether `line` goes on with the last certificate, and isn't a word below it."""
        body = self.bodies[-1]
        return bool(_BASE64(line)) and (
            not body
            or (
                not body[-1].endswith("=") and len(line) <= len(body[-1]) == len(body[0]) <= _WIDEST
            )
        )

    def body_texts(self) -> list[str]:
        return [whole for whole in map("".join, self.bodies) if len(whole) >= _SHORTEST_BODY]


def read_lines(text: str) -> Understood | None:
    """Return what is found beside or beneath labels and in PEM blocks; None where there is neither.

    A certificate that can't be used costs a note where something else was found. Raises
    ValidationError about it where nothing was, and about a private key always.
    """
    has_blocks = "-----BEGIN" in text or "-----END" in text
    screen = _read(_BLOCK.sub("\n", text))
    _read_addresses_alone(screen)
    pem, notes, refused = _read_certificates(screen, text if has_blocks else "")
    if refused and not screen.values:
        raise refused
    if not (pem or screen.values or screen.notes):
        return None
    endpoint = screen.values.get(Kind.ENDPOINT, "")
    if endpoint.startswith("/"):
        host = screen.values.get(Kind.HOST, "")
        endpoint = f"https://{host}{endpoint}" if host else ""
    return Understood(
        issuer_url=screen.values.get(Kind.ISSUER_URL, ""),
        endpoint=endpoint,
        # What only the identity provider's own metadata may say otherwise.
        binding="post" if endpoint and screen.binding == "post" else "",
        certificates=pem,
        url=screen.values.get(Kind.METADATA, ""),
        notes=(*screen.notes, *notes),
    )


def _read_certificates(
    screen: _Screen, blocks: str
) -> tuple[str, tuple[str, ...], ValidationError | None]:
    """PEM text, notes, and why there is none."""
    try:
        bodies = find_bodies(blocks) if blocks else []
        for body in screen.body_texts() if not bodies else []:
            bodies += find_bodies(body)
        if not bodies:
            return "", (), None
        found = read_certificates(bodies)
    except ValidationError as error:
        if error.code == PRIVATE_KEY:
            raise
        return "", tuple(error.messages), error
    return found.pem, found.notes, None


def _read(text: str) -> _Screen:
    screen = _Screen()
    if len(text) > _LONGEST:
        return screen
    waiting: Kind | None = None
    label, patience = "", 0
    for line in filter(None, map(str.strip, text.splitlines())):
        found, rest = _split(line[:_LONGEST_LINE])
        if found is not None:
            waiting, label, patience = found, line[: len(line) - len(rest)], _PATIENCE
            if found is Kind.CERTIFICATE:
                screen.bodies.append([rest] if _BASE64(rest) else [])
            elif rest:
                screen.take(found, _beside(found, rest), label)
                waiting = None
        elif waiting is Kind.CERTIFICATE and screen.has_more(line):
            screen.bodies[-1].append(line)
        elif line.startswith("MII") and _BASE64(line):
            screen.bodies.append([line])
            waiting = Kind.CERTIFICATE
        elif waiting not in (None, Kind.CERTIFICATE) and (value := _beneath(waiting, line)):
            screen.take(waiting, value, label)
            waiting = None
        elif address := _address_in(line):
            screen.alone.append(address)
            if kind := _kind_of_address(address):
                screen.take(kind, address)
            waiting = None
        elif waiting is not None and (patience := patience - 1) <= 0:
            waiting = None
    return screen


def _split(line: str) -> tuple[Kind | None, str]:
    """What the label that `line` begins with stands for, and what is left of the line behind it."""
    start = _BULLET.match(line)
    body = line[start.end() if start else 0 :]
    value = _ADDRESS.search(body) or _LONG_BASE64.search(body)
    if value:
        return kind_of(body[: value.start()]), body[value.start() :]
    for separator in _SEPARATOR.finditer(body[:_LONGEST_LABEL]):
        kind = kind_of(body[: separator.start()])
        if kind is not None:
            return kind, body[separator.end() :].lstrip(_BEFORE)
    return kind_of(body), ""


def _kind_of_address(value: str) -> Kind | None:
    """An address alone on its line tells what it is only where we know the identity provider."""
    if idp_words.of_endpoint(value):
        return Kind.ENDPOINT
    return Kind.ISSUER_URL if idp_words.of_issuer(value) else None


def _read_addresses_alone(screen: _Screen) -> None:
    """Addresses without any label, one a line: their own words tell which is which."""
    if screen.values or screen.bodies:
        return
    for address in screen.alone:
        if idp_words.is_metadata_address(address):
            screen.take(Kind.METADATA, address)
        elif idp_words.looks_like_endpoint(address):
            screen.take(Kind.ENDPOINT, address)


def _beside(kind: Kind, rest: str) -> str:
    """An issuer may be any word, but not a certificate's."""
    if kind is Kind.HOST:
        return rest.split()[0].rstrip(_BEHIND)
    if kind is Kind.ENDPOINT and rest.startswith("/"):
        return rest.split()[0].rstrip(_BEHIND)
    if kind is Kind.ISSUER_URL and len(rest.split(maxsplit=1)) == 1 and not _IN_NAME(rest):
        return rest.rstrip(_BEHIND)
    return _address_in(rest, with_urn=kind is Kind.ISSUER_URL)


def _beneath(kind: Kind | None, line: str) -> str:
    if address := _address_in(line, with_urn=kind is Kind.ISSUER_URL):
        return address
    value = line.strip(_BEFORE + _BEHIND)
    if kind is Kind.ISSUER_URL and _FREE_TEXT(value) and value.lower() not in _BUTTONS:
        return value
    return ""


def _address_in(text: str, *, with_urn: bool = True) -> str:
    found = _ADDRESS.search(text)
    if found and (with_urn or not found[0].lower().startswith("urn:")):
        return found[0].rstrip(_BEHIND + ".)")
    plain = _SCHEMELESS.match(text.lstrip(_BEFORE))
    return f"https://{plain[0].rstrip(_BEHIND)}" if plain else ""
