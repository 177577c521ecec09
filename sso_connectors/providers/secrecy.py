"""Secrets that come back: what we sent to a provider, or got from it, must not stand in what we keep.

A provider may repeat a secret in its error as it came, or in another spelling: percent-encoded once or twice
in either case of hexadecimal, as JSON or HTML writes it, in base64 as HTTP Basic carries it, or cut short.
"""

import base64
import re
from collections.abc import Iterator
from html import unescape
from typing import Final
from urllib.parse import quote_plus, unquote

from django.views.decorators.debug import sensitive_variables

MASK: Final = "…"
# A shorter one stands in many words by chance. Masked in them it would spoil the text, and be given away by
# what is missing; it is masked where it stands by itself.
_LONG: Final = 8
# A provider's text may break off within a secret; as much of its beginning gives it away.
_TOLD_BY: Final = 8
_LEVELS: Final = 4
# What an attempt keeps is shorter by far; a provider could write a megabyte, and send one as a token.
_LONGEST_TEXT: Final = 2000
_LONGEST_PATTERN: Final = 500
# Where a text breaks off within a spelling.
_BROKEN_OFF: Final = re.compile(
    r"""(?:%(?:25)*[0-9A-Fa-f]?|\\+(?:u[0-9a-fA-F]{0,3})?|&[#\w]{0,8}|[….,"'})\]\s])+\Z"""
)
_PADDING: Final = re.compile(rf"{MASK}(?:=|%(?:25)*3D)+", re.IGNORECASE)
_JSON_ESCAPE: Final = re.compile(r'\\(?:u([0-9a-fA-F]{4})|(["/\\bfnrt]))')
_JSON_LETTERS: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


class Secrets:
    """The secrets of one conversation with a provider. Printed, it tells none."""

    def __init__(self) -> None:
        self._long: set[str] = set()
        self._short: set[str] = set()

    def add(self, secret: object, *, user: str = "") -> None:
        """Know `secret` from now on, and where it is a `user`'s also as HTTP Basic has the two."""
        if not isinstance(secret, str) or not secret.strip():
            return
        (self._long if len(secret) >= _LONG else self._short).add(secret)
        if user:
            pairs = {f"{user}:{secret}", f"{quote_plus(user)}:{quote_plus(secret)}"}
            for pair in pairs:
                self._long |= set(_whole_in_base64(pair))
        if _LONG <= len(secret) <= _LONGEST_PATTERN:
            self._long |= {
                spelling for spelling in _within_base64(secret) if len(spelling) >= _LONG
            }
            self._long.add(secret.encode(errors="replace").hex())

    @sensitive_variables()
    def masked(self, text: str) -> str:
        """`text` less every secret in it; all of it is left out where one is spelled in a way of its own."""
        text = text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT]
        if not self.in_any_spelling(text):
            return text
        for secret in sorted(self._long, key=len, reverse=True):
            if len(secret) > _LONGEST_PATTERN:
                text = text.replace(secret, MASK)
            else:
                text = self._pattern(secret).sub(MASK, text)
            text = _without_beginning(text, secret)
        for secret in sorted(self._short, key=len, reverse=True):
            text = re.sub(rf"(?<!\w)(?:{self._pattern(secret).pattern})(?!\w)", MASK, text)
        text = _PADDING.sub(MASK, text)
        return MASK if self.in_any_spelling(text) else text

    @sensitive_variables()
    def in_any_spelling(self, text: str) -> bool:
        """Whether any secret stands in `text`. Most texts have but one spelling, and cost a look for each."""
        forms = _decoded(text)
        return self._long_one_in(forms) or any(
            re.search(rf"(?<!\w){re.escape(secret)}(?!\w)", form)
            for form in forms
            for secret in self._short
        )

    def name_one(self, text: str) -> bool:
        """Whether `text`, which should name a person, holds one that is no word by chance."""
        return self._long_one_in(_decoded(text[:_LONGEST_TEXT]))

    def _long_one_in(self, forms: set[str]) -> bool:
        return any(_holds(form, secret) for form in forms for secret in self._long)

    @staticmethod
    def _pattern(secret: str) -> re.Pattern[str]:
        return re.compile("".join(map(_spelled, secret)))


def _holds(text: str, secret: str) -> bool:
    """Whether `secret` stands in `text`, as a form's blanks too, or as much of it as the text's end leaves."""
    for spelling in {secret, secret.replace(" ", "+")}:
        lowered = text.lower() if re.fullmatch("[0-9a-f]+", spelling) else text
        if spelling in lowered:
            return True
        if _beginning(text, spelling) is not None:
            return True
    return False


def _beginning(text: str, secret: str) -> int | None:
    """Where the end of `text` is the beginning of `secret`."""
    at = text.rfind(secret[:_TOLD_BY]) if len(secret) > _TOLD_BY else -1
    rest = _BROKEN_OFF.sub("", text[at:]) if at >= 0 else ""
    return at if rest and secret.startswith(rest) else None


def _without_beginning(text: str, secret: str) -> str:
    at = _beginning(text, secret)
    return text if at is None else text[:at] + MASK


def _spelled(letter: str) -> str:
    """A pattern of each way to write one character, itself in hexadecimal of either case."""
    octets = "".join(rf"%(?:25)*{octet:02X}" for octet in letter.encode(errors="surrogatepass"))
    units = letter.encode("utf-16-be", errors="surrogatepass")
    json = "".join(rf"\\+u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
    number = rf"&(?:amp;)*#(?:0*{ord(letter)}|[xX]0*{ord(letter):x});"
    # The longer ways first: of “%25”, “%” alone would leave a piece.
    ways = [f"(?i:{octets}|{json}|{number})"]
    named = {'"': "quot", "&": "amp", "<": "lt", ">": "gt", "'": "apos"}.get(letter)
    if named:
        ways.append(f"&(?:amp;)*{named};")
    ways += [rf"\\+{re.escape(letter)}", re.escape(letter)]
    if letter == " ":
        ways.append(r"\+")
    return f"(?:{'|'.join(ways)})"


def _decoded(text: str) -> set[str]:
    """`text`, and what it is after each way of decoding, in any order, up to _LEVELS of them."""
    found, last = {text}, {text}
    for _level in range(_LEVELS):
        last = {
            form for each in last for form in (unquote(each), unescape(each), _unescape_json(each))
        } - found
        if not last:
            break
        found |= last
    return found


def _unescape_json(text: str) -> str:
    if "\\" not in text:
        return text

    def letter(found: re.Match[str]) -> str:
        code, plain = found.groups()
        return chr(int(code, 16)) if code else _JSON_LETTERS.get(plain, plain)

    decoded = _JSON_ESCAPE.sub(letter, text)
    # A character beyond 16 bits is written as two.
    return decoded.encode("utf-16-be", "surrogatepass").decode("utf-16-be", "replace")


def _whole_in_base64(text: str) -> Iterator[str]:
    octets = text.encode(errors="replace")
    for encode in (base64.standard_b64encode, base64.urlsafe_b64encode):
        yield encode(octets).decode().rstrip("=")


def _within_base64(text: str) -> Iterator[str]:
    """What `text` is in base64 with whatever stands before and behind it: by its place, in one of three ways."""
    octets = text.encode(errors="replace")
    for before in range(3):
        encoded = base64.standard_b64encode(b"\0" * before + octets).decode().rstrip("=")
        end = len(encoded) - (1 if (before + len(octets)) % 3 else 0)
        within = encoded[(0, 2, 3)[before] : end]
        yield within
        yield within.translate(str.maketrans("+/", "-_"))
