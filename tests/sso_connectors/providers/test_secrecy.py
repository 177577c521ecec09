"""What we sent comes back in another spelling, and is kept in none."""

import base64
import json
import random
from collections.abc import Callable
from html import escape
from typing import Final
from urllib.parse import quote, quote_plus

import pytest

from sso_connectors.providers.secrecy import MASK, Secrets

CLIENT = "the client/id"
Spelling = Callable[[str], str]


def _lower(text: str) -> str:
    """Percent-encoded with small letters, which `quote` never writes."""
    return "".join(
        each.lower() if number % 2 else each for number, each in enumerate(quote(text, safe=""))
    )


def _every_octet(text: str) -> str:
    return "".join(f"%{octet:02x}" for octet in text.encode())


def _pair(text: str) -> bytes:
    return f"{quote_plus(CLIENT)}:{quote_plus(text)}".encode()


SPELLINGS: Final[dict[str, Spelling]] = {
    "raw": str,
    "path": lambda text: quote(text, safe=""),
    "form": quote_plus,
    "small letters": _lower,
    "every octet": _every_octet,
    "json": lambda text: json.dumps(text)[1:-1],
    "json in json": lambda text: json.dumps(json.dumps(text))[3:-3],
    "html": escape,
    "html, numbers": lambda text: "".join(f"&#x{ord(each):X};" for each in text),
    "basic": lambda text: base64.b64encode(_pair(text)).decode(),
    "basic, no padding": lambda text: base64.b64encode(_pair(text)).decode().rstrip("="),
    "basic, as in addresses": lambda text: base64.urlsafe_b64encode(_pair(text)).decode(),
    "basic of what isn't encoded": lambda text: base64.b64encode(
        f"{CLIENT}:{text}".encode()
    ).decode(),
}
LONG_ONLY: Final[dict[str, Spelling]] = {
    "hexadecimal": lambda text: text.encode().hex().upper(),
    **{
        f"base64 behind {count}": lambda text, count=count: base64.b64encode(  # type: ignore[misc]
            f"{'x' * count}{text}, and so on".encode()
        ).decode()
        for count in range(4)
    },
}
SECRETS: Final = (
    "s3cret-of-the-client_~.0",
    'S%41+/=& "quotes" \\back<lash> %2541',
    "a b  c+d e+f&amp;amp;",
    "gehëim-ÄÖ-秘密-😀-key",
    "\\u0041\\n%0a&#65;&lt;x",
    "====////++++----____",
)
# In these it is text for people that stands around it.
AROUND: Final = "The client sent {}, which is wrong. HTTP 400"


def known(secret: str) -> Secrets:
    secrets = Secrets()
    secrets.add(secret, user=CLIENT)
    return secrets


def tells(text: str, secret: str, spelled: str) -> bool:
    return secret in text or spelled in text or spelled[: len(spelled) // 2] in text


pytestmark = pytest.mark.row(47)


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("name", [*SPELLINGS, *LONG_ONLY])
def test_each_spelling(name: str, secret: str) -> None:
    spelled = (SPELLINGS | LONG_ONLY)[name](secret)
    for text in (AROUND.format(spelled), spelled, AROUND.format(f"{spelled}/{spelled}")):
        assert not tells(known(secret).masked(text), secret, spelled)


@pytest.mark.parametrize("secret", SECRETS)
def test_text_around_it_stays(secret: str) -> None:
    for name in ("raw", "path", "form", "small letters", "html", "basic"):
        shown = known(secret).masked(AROUND.format(SPELLINGS[name](secret)))
        assert shown.startswith(f"The client sent {MASK}")
        assert "HTTP 400" in shown


@pytest.mark.parametrize("seed", range(8))
def test_spelled_twice(seed: int) -> None:
    """Any spelling of any spelling, of secrets made of whatever means something to one of them."""
    draw = random.Random(seed)  # noqa: S311 - the same each time
    for _each in range(10):
        secret = "".join(draw.choices("ab%25+ &;#\\\"'<>/=u41é秘", k=draw.randrange(8, 30)))
        secret = f"k{secret}k"
        inner, outer = draw.choices(list(SPELLINGS.values())[:9], k=2)
        spelled = outer(inner(secret))
        assert not tells(known(secret).masked(AROUND.format(spelled)), secret, spelled), secret


@pytest.mark.parametrize("name", ["raw", "path", "form", "basic"])
@pytest.mark.parametrize("cut", [12, 14, 20])
def test_cut_short(name: str, cut: int) -> None:
    secret = "s3cret of the client, long"
    spelled = SPELLINGS[name](secret)[:cut]
    for end in ("", "…", '"}', "%2"):
        assert spelled not in known(secret).masked(f"Unknown secret {spelled}{end}")


@pytest.mark.parametrize("secret", ["a", "7", "ab", "§", "secret", "a+b"])
def test_short_one(secret: str) -> None:
    """The text stays, and what is missing in its words tells nothing."""
    text = "a secretary said that 77 tables are absent"
    plain = text.replace("a secretary", "The secretary")
    assert known(secret).masked(plain) == plain
    for name, spell in SPELLINGS.items():
        shown = known(secret).masked(f"Wrong: '{spell(secret)}'.")
        assert shown in {f"Wrong: '{MASK}'.", MASK}, name


def test_nothing_is_hidden_where_nothing_is_known() -> None:
    text = "a%20b &amp; \\u0041 …"
    assert Secrets().masked(text) == text
    empty = Secrets()
    nothing: object
    for nothing in ("", "  ", None, 5, [], {}):
        empty.add(nothing, user=CLIENT)
    assert empty.masked(text) == text


def test_a_token_of_a_megabyte_costs_little() -> None:
    token = "t0ken" * 200_000
    assert MASK in known(token).masked(f"You sent {token}")
    assert token[:20] not in known(token).masked(f"You sent {token}")
    assert token[:20] not in known("t" * 600).masked(f"{'%74' * 600}")


def test_it_prints_none() -> None:
    assert "s3cret" not in repr(known("s3cret-of-the-client"))
