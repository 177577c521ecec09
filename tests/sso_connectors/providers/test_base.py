"""What all providers share: options, tokens, and the fence around social-core."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.core.exceptions import ValidationError
from social_core.exceptions import AuthResponseError, AuthSessionError

from sso_connectors.providers import PROVIDERS, Client, Option, Provider
from sso_connectors.providers.strategy import ClientStrategy
from sso_connectors.results.identity import Grant
from tests.openid import OpenIdProvider, answering

CLIENT = Client(client_id="a b", client_secret="s3cr3t:/+", issuer="https://idp.example")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def _lower(text: str) -> str:
    if "!" in text:
        raise ValidationError("is no host.")
    return text.lower()


class Plain(Provider):
    method = "plain"
    label = "Plain"
    options = (
        Option("host", "Host", required=True, clean=_lower),
        Option("team", "Team", default="everybody"),
        Option("trust", "Trust", is_switch=True),
    )


@pytest.fixture
def provider() -> Iterator[OpenIdProvider]:
    with OpenIdProvider() as provider:
        yield provider


# --- options ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "cleaned"),
    [
        ({}, {}),
        ({"host": " A.Example\n"}, {"host": "a.example"}),
        ({"host": "", "team": "  ", "trust": ""}, {}),
        ({"host": None, "team": None, "trust": None}, {}),
        ({"trust": False}, {}),
        ({"host": "a", "team": "b", "trust": True}, {"host": "a", "team": "b", "trust": True}),
    ],
)
def test_options_in_their_one_spelling(given: dict[str, Any], cleaned: dict[str, Any]) -> None:
    assert Plain.clean_options(given) == cleaned


@pytest.mark.parametrize(
    ("given", "messages"),
    [
        ({"more": "x"}, ["Plain has no option “more”."]),
        ({"host": "!"}, ["Host: is no host."]),
        ({"host": 5}, ["Host: must be text."]),
        ({"team": ["a"]}, ["Team: must be text."]),
        ({"trust": "yes"}, ["Trust: must be true or false."]),
        ({"trust": 2}, ["Trust: must be true or false."]),
        (
            {"x" * 99: 1, "host": "!", "trust": "no"},
            [
                f"Plain has no option “{'x' * 50}”.",
                "Host: is no host.",
                "Trust: must be true or false.",
            ],
        ),
    ],
)
def test_options_that_are_wrong(given: dict[str, Any], messages: list[str]) -> None:
    """All of them are told at once."""
    with pytest.raises(ValidationError) as caught:
        Plain.clean_options(given)
    assert caught.value.messages == messages


def test_option_or_its_default() -> None:
    assert Plain.missing_options({}) == ["host"]
    assert Plain.missing_options({"host": "a"}) == []
    assert Plain(CLIENT).option("team") == "everybody"
    client = Client(client_id="a", client_secret="b", issuer="c", options={"team": "us"})
    assert Plain(client).option("team") == "us"


def test_what_a_provider_must_say() -> None:
    with pytest.raises(NotImplementedError):
        Plain.issuer_of({})
    with pytest.raises(NotImplementedError):
        Plain(CLIENT).identify({})
    assert Plain(CLIENT).response_issuer() == "https://idp.example"
    assert not Plain(CLIENT).advertises_iss()


@pytest.mark.parametrize("method", PROVIDERS)
def test_every_provider_says_it(method: str) -> None:
    provider = PROVIDERS[method]
    assert provider.method == method
    assert str(provider.label)
    assert isinstance(provider.issuer_of({}), str)
    assert provider.REDIRECT_STATE is False
    assert provider.STATE_PARAMETER is True
    names = [option.name for option in provider.options]
    assert len(names) == len(set(names))


# --- tokens -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expires_in", "seconds"),
    [
        (3600, 3600),
        ("3600", 3600),
        (1, 1),
        (0, None),
        (-5, None),
        (None, None),
        ("", None),
        ("soon", None),
        (True, None),
        ([], None),
        (10**12, None),
    ],
)
def test_expiry(expires_in: object, seconds: int | None) -> None:
    with time_machine.travel(NOW, tick=False):
        grant = Plain(CLIENT).grant({"access_token": "a", "expires_in": expires_in})

    assert grant.expires_at == (None if seconds is None else NOW + timedelta(seconds=seconds))


def test_grant() -> None:
    first = Plain(CLIENT).grant({"access_token": "a", "refresh_token": "r", "scope": "s"})
    assert first == Grant(access_token="a", refresh_token="r", scope="s")
    assert Plain(CLIENT).grant({"access_token": "a"}) == Grant(access_token="a")

    kept = Plain(CLIENT).grant({"access_token": "b", "refresh_token": ""}, previous=first)
    assert kept == Grant(access_token="b", refresh_token="r", scope="s")
    new = Plain(CLIENT).grant({"access_token": "b", "refresh_token": "t"}, previous=first)
    assert new.refresh_token == "t"


def test_what_an_api_needs_besides_stays_too() -> None:
    class Instance(Plain):
        def instance(self, response: Any) -> dict[str, str]:
            return {"url": str(response["url"])} if "url" in response else {}

    first = Instance(CLIENT).grant({"access_token": "a", "url": "https://x"})
    assert first.extra == {"url": "https://x"}
    assert Instance(CLIENT).grant({"access_token": "b"}, previous=first).extra == first.extra


@pytest.mark.row(32)
def test_secrets_are_not_printed() -> None:
    assert "s3cr3t" not in repr(CLIENT)
    grant = Grant(access_token="s3cr3t", refresh_token="s3cr3t")
    assert "s3cr3t" not in repr(grant)


# --- the fence --------------------------------------------------------------------------------------


def test_the_strategy_reads_no_settings(settings: Any) -> None:
    """social-core would take an unprefixed KEY for any connector's, and so mix tenants up."""
    for name in ("KEY", "SECRET", "SCOPE", "SOCIAL_AUTH_KEY", "SOCIAL_AUTH_OIDC_KEY"):
        setattr(settings, name, "of-the-project")
    settings.SOCIAL_AUTH_OIDC_VERIFY_SSL = settings.VERIFY_SSL = False
    made = PROVIDERS["oidc"](CLIENT)

    assert made.setting("KEY") is None
    assert made.setting("VERIFY_SSL", default=True) is True
    assert made.get_key_and_secret() == ("a b", "s3cr3t:/+")


def test_the_strategy_has_one_login_and_nothing_else() -> None:
    memory: dict[str, Any] = {}
    strategy = ClientStrategy(memory, {"state": "x"})
    strategy.session_set("a", 1)

    assert memory == {"a": 1}
    assert strategy.session_get("a") == 1
    assert strategy.session_get("b", "none") == "none"
    assert strategy.session_pop("a") == 1
    assert strategy.session_pop("a") is None
    assert strategy.request_data() == {"state": "x"}
    assert strategy.build_absolute_uri("https://maker.example/x") == "https://maker.example/x"
    assert strategy.build_absolute_uri() == ""


@pytest.mark.row(19)
@pytest.mark.parametrize(
    ("state", "received", "kept"),
    [("s", "another", True), ("s", "s", False), ("", "", True), ("s", None, True)],
)
def test_state(state: str, received: str | None, kept: bool) -> None:
    made = Plain(CLIENT, state=state, received={} if received is None else {"state": received})
    if kept:
        made.get_or_create_state()

    with pytest.raises(AuthSessionError):
        made.validate_state()


@pytest.mark.row(19)
def test_state_that_fits() -> None:
    memory: dict[str, Any] = {}
    assert Plain(CLIENT, memory=memory, state="s").get_or_create_state() == "s"
    json.dumps(memory)  # it is stored on the pending login
    answer = Plain(CLIENT, memory=memory, state="s", received={"state": "s"})

    assert answer.validate_state() == "s"


def test_credentials_of_the_client() -> None:
    """By Basic, each is encoded first, so that a colon in one parts nothing (RFC 6749 section 2.3.1)."""
    plain: Any = Plain(CLIENT)
    assert plain.auth_complete_credentials() is None
    assert plain.refresh_token_auth() is None
    assert plain.refresh_token_params("r")["client_secret"] == "s3cr3t:/+"

    plain.USE_BASIC_AUTH = True
    assert plain.auth_complete_credentials() == ("a+b", "s3cr3t%3A%2F%2B")
    assert plain.refresh_token_params("r") == {"refresh_token": "r", "grant_type": "refresh_token"}
    assert (plain.refresh_token_auth().username, plain.refresh_token_auth().password) == (
        "a+b",
        "s3cr3t%3A%2F%2B",
    )


@pytest.mark.row(32)
@pytest.mark.row(47)
def test_without_secrets(provider: OpenIdProvider) -> None:
    made = Plain(CLIENT)
    provider.faults["token"] = answering(200, b"{}")
    made.request(
        f"{provider.issuer}/token",
        method="POST",
        data={"code": "the-code", "code_verifier": "the-code-too", "more": "shown", "token": None},
    )

    text = "s3cr3t:/+, the-code-too, the-code, shown"
    assert made.without_secrets(text) == "…, …, …, shown"
    empty = Client(client_id="a", client_secret="", issuer="c")
    assert Plain(empty).without_secrets("nothing") == "nothing"


@pytest.mark.row(38)
def test_answer_that_is_nested_too_deeply(provider: OpenIdProvider) -> None:
    """JSON of that kind makes Python's reader fail with what nobody expects."""
    for status in (200, 500):
        provider.faults["token"] = answering(status, b"[" * 500_000)
        with pytest.raises(AuthResponseError):
            Plain(CLIENT).request(f"{provider.issuer}/token")


def test_answer_that_is_no_json_is_left_to_who_asked(provider: OpenIdProvider) -> None:
    provider.faults["token"] = answering(200, b"a=b", "text/plain")

    assert Plain(CLIENT).request(f"{provider.issuer}/token").text == "a=b"


@pytest.mark.parametrize(("refresh_token", "sent"), [("r", "r"), ("", "a")])
def test_revocation_of_whatever_there_is(
    provider: OpenIdProvider, refresh_token: str, sent: str
) -> None:
    class Revoking(Plain):
        def revoke_token(self, token: str, uid: str) -> bool:
            assert token == sent
            return True

    assert Revoking(CLIENT).revoke(Grant(access_token="a", refresh_token=refresh_token)) is True
