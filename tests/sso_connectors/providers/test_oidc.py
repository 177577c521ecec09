"""Generic OpenID Connect: whose documents count, whose address counts, and the tokens afterwards."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from social_core.exceptions import AuthSessionError, SocialAuthBaseException

from sso_connectors.providers import PROVIDERS, Client
from sso_connectors.providers.oidc import GenericOpenIdConnect
from sso_connectors.results.errors import ResponseRefused
from tests.idp import OMIT
from tests.openid import OpenIdProvider, once

ADDRESS = "alice@acme.example"


@pytest.fixture
def provider() -> Iterator[OpenIdProvider]:
    with OpenIdProvider() as provider:
        yield provider


def backend(provider: OpenIdProvider, *, ask_again: bool = False, **options: Any) -> Any:
    """Typed as Any: social-core's own methods have no types."""
    client = Client(
        client_id=provider.client_id,
        client_secret=provider.client_secret,
        issuer=provider.issuer,
        options={"issuer": provider.issuer, **options},
        ask_again=ask_again,
    )
    return GenericOpenIdConnect(
        client,
        state="the-state",
        begun_at=datetime.now(UTC),
        redirect_uri=provider.redirect_uri,
    )


def completed(provider: OpenIdProvider, **lies: Any) -> Any:
    """A backend whose login has gone through, up to the person."""
    made = backend(provider)
    made.data.update(provider.authorize(made.auth_url(), **lies))
    made.response = made.auth_complete()
    return made


def test_it_is_registered() -> None:
    assert PROVIDERS["oidc"] is GenericOpenIdConnect
    assert GenericOpenIdConnect.issuer_of({"issuer": "https://idp.example"}) == (
        "https://idp.example"
    )
    assert GenericOpenIdConnect.issuer_of({}) == ""
    assert GenericOpenIdConnect.missing_options({}) == ["issuer"]


# --- documents --------------------------------------------------------------------------------------


@pytest.mark.row(18)
@pytest.mark.parametrize("issuer", ["https://evil.example", OMIT, None, ["x"], "+/"])
def test_discovery_document_is_the_issuers_own(provider: OpenIdProvider, issuer: Any) -> None:
    provider.discovery["issuer"] = provider.issuer + "/" if issuer == "+/" else issuer

    with pytest.raises(ResponseRefused, match=r"discovery document says that the issuer is"):
        backend(provider).auth_url()
    del provider.discovery["issuer"]
    assert backend(provider).auth_url(), "what was refused isn't kept"


def test_issuer_with_a_path_and_a_slash() -> None:
    with OpenIdProvider(path="/realms/acme") as one:
        assert completed(one).person["sub"] == "alice-for-good"
    with OpenIdProvider() as two:
        two.discovery["issuer"] = f"{two.issuer}/"
        made = GenericOpenIdConnect(
            Client(client_id="a", client_secret="b", issuer=f"{two.issuer}/"), state="s"
        )
        assert made.auth_url()
        assert two.asked("discovery"), "no double slash"


@pytest.mark.parametrize(
    ("advertised", "found"), [(True, True), (False, False), (OMIT, False), ("true", False)]
)
def test_advertises_iss(provider: OpenIdProvider, advertised: Any, found: bool) -> None:
    provider.discovery["authorization_response_iss_parameter_supported"] = advertised

    assert backend(provider).advertises_iss() is found
    assert backend(provider).response_issuer() == provider.issuer


# --- the request ------------------------------------------------------------------------------------


def test_request(provider: OpenIdProvider) -> None:
    asked = once(backend(provider).auth_url().partition("?")[2])
    assert "prompt" not in asked
    assert "max_age" not in asked

    asked = once(backend(provider, ask_again=True).auth_url().partition("?")[2])
    assert (asked["prompt"], asked["max_age"]) == ("login", "0")


@pytest.mark.row(19)
@pytest.mark.parametrize("lost", ["nonce", "verifier", "all", "state"])
def test_answer_without_what_was_asked(provider: OpenIdProvider, lost: str) -> None:
    """Memory of the request that is gone must not count as one that matches."""
    made = backend(provider)
    made.data.update(provider.authorize(made.auth_url()))
    (name,) = [each for each in made.memory if each.endswith("the-state")]
    if lost == "all":
        made.memory.clear()
    elif lost == "state":
        made.data["state"] = "another"
    else:
        made.memory[name].pop({"nonce": "oidc_nonce", "verifier": "code_verifier"}[lost])

    with pytest.raises(AuthSessionError):
        made.auth_complete()
    assert made.person == {}


# --- the person -------------------------------------------------------------------------------------


def test_userinfo_is_asked_only_for_what_the_token_lacks(provider: OpenIdProvider) -> None:
    completed(provider)
    assert provider.asked("userinfo") == []

    person = completed(provider, claims={"email": OMIT}).person
    (request,) = provider.asked("userinfo")
    assert request.headers["authorization"].startswith("Bearer access-")
    assert (person["email"], person["email_verified"]) == (ADDRESS, True)


def test_provider_without_userinfo(provider: OpenIdProvider) -> None:
    provider.discovery["userinfo_endpoint"] = OMIT
    person = completed(provider, claims={"email": OMIT}).person

    assert "email" not in person


@pytest.mark.row(21)
@pytest.mark.parametrize("subject", ["somebody-else", OMIT, None, "", ["alice-for-good"]])
def test_userinfo_of_somebody_else(provider: OpenIdProvider, subject: Any) -> None:
    provider.user["sub"] = subject

    with pytest.raises(ResponseRefused, match="userinfo"):
        completed(provider, claims={"email": OMIT})


@pytest.mark.row(21)
def test_signed_claims_count_more_than_userinfo(provider: OpenIdProvider) -> None:
    """But an address stays with what is said of it."""
    provider.user |= {"iss": "https://evil.example", "email_verified": False, "more": 1}
    person = completed(provider, claims={"email": OMIT, "email_verified": True}).person

    assert person["iss"] == provider.issuer
    assert person["more"] == 1
    assert person["email_verified"] is False


@pytest.mark.row(21)
@pytest.mark.parametrize(
    ("email", "verified", "trusted", "passes"),
    [
        (ADDRESS, True, False, True),
        (ADDRESS, True, True, True),
        (ADDRESS, False, False, False),
        (ADDRESS, False, True, False),
        (ADDRESS, None, False, False),
        (ADDRESS, None, True, True),
        (ADDRESS, "true", False, False),
        (ADDRESS, "false", True, False),
        (ADDRESS, 1, True, False),
        (ADDRESS, 0, True, False),
        (f" {ADDRESS}", True, True, False),
        (f"{ADDRESS}\u00a0", True, True, False),
        ("", True, True, False),
        (None, True, True, False),
        ([ADDRESS], True, True, False),
    ],
)
def test_address(
    provider: OpenIdProvider, email: Any, verified: Any, trusted: bool, passes: bool
) -> None:
    made = backend(provider, trust_email=trusted)
    claims = made.identify({"sub": "x", "email": email, "email_verified": verified})

    assert claims.username == (ADDRESS if passes else "")
    assert claims.subject == "x"
    (check,) = made.checks.items
    assert (check.name, check.passed) == ("e-mail address", passes)


# --- options ----------------------------------------------------------------------------------------


def test_options() -> None:
    clean = GenericOpenIdConnect.clean_options
    assert clean({"issuer": " https://idp.example/a ", "trust_email": True}) == {
        "issuer": "https://idp.example/a",
        "trust_email": True,
    }
    assert clean({"issuer": "https://idp.example/", "trust_email": False}) == {
        "issuer": "https://idp.example/"
    }


@pytest.mark.row(31)
@pytest.mark.parametrize(
    "issuer",
    [
        "https://idp.example/?a=b",
        "https://idp.example/#a",
        "http://idp.example",
        "https://10.0.0.1",
        "https://169.254.169.254",
        "idp.example",
        "file:///etc/passwd",
    ],
)
def test_issuer_that_is_not_fetched_from(issuer: str) -> None:
    with pytest.raises(ValidationError, match="Issuer"):
        GenericOpenIdConnect.clean_options({"issuer": issuer})


# --- the tokens afterwards --------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["client_secret_basic", "client_secret_post"])
def test_refresh(provider: OpenIdProvider, way: str) -> None:
    provider.way = way
    made = completed(provider)
    old = made.grant(made.response)
    new = made.grant(backend(provider).refresh_token(old.refresh_token), previous=old)

    assert new.access_token != old.access_token
    assert new.refresh_token != old.refresh_token
    with pytest.raises(SocialAuthBaseException) as caught:
        backend(provider).refresh_token(old.refresh_token)
    assert caught.value.provider_code == "invalid_grant"
    assert caught.value.stage == "refresh"


def test_id_token_of_a_refresh_proves_nothing(provider: OpenIdProvider) -> None:
    made = completed(provider)
    provider.token["id_token"] = "whatever"
    made = backend(provider)
    made.refresh_token(completed_token(provider))

    assert made.id_token == {}


def completed_token(provider: OpenIdProvider) -> str:
    told, provider.token = provider.token, {}
    made = completed(provider)
    provider.token = told
    return str(made.response["refresh_token"])


@pytest.mark.parametrize("way", ["client_secret_basic", "client_secret_post"])
def test_revocation(provider: OpenIdProvider, way: str) -> None:
    provider.way = way
    made = completed(provider)
    grant = made.grant(made.response)
    assert backend(provider).revoke(grant) is True

    (request,) = provider.asked("revocation")
    assert request.fields["token"] == grant.refresh_token
    assert ("client_secret" in request.fields) is (way == "client_secret_post")
    with pytest.raises(SocialAuthBaseException):
        backend(provider).refresh_token(grant.refresh_token)


@pytest.mark.parametrize("address", [OMIT, None, 5])
def test_provider_that_revokes_nothing(provider: OpenIdProvider, address: Any) -> None:
    provider.discovery["revocation_endpoint"] = address
    made = completed(provider)
    grant = replace(made.grant(made.response), refresh_token="")

    assert backend(provider).revoke(grant) is None


def test_way_of_client_authentication_that_is_known_beforehand(
    provider: OpenIdProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    for way in ("client_secret_post", "client_secret_basic"):
        monkeypatch.setattr(GenericOpenIdConnect, "TOKEN_ENDPOINT_AUTH_METHOD", way)
        assert backend(provider).use_basic_auth() is (way == "client_secret_basic")
    assert provider.requests == []
