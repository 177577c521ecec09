"""What every provider promises, at the double of each vendor; what is a vendor's own has a file of its own."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from social_core.exceptions import SocialAuthBaseException

from sso_connectors.models import Attempt, Connector, Link
from sso_connectors.protocols.oauth2.tokens import ReconnectNeeded, access_token_for
from sso_connectors.providers import PROVIDERS
from sso_connectors.results.identity import Grant
from tests.agent import Agent
from tests.conftest import ConnectorMaker, UserMaker
from tests.outside import refuse_any_other_way_out
from tests.vendors.code_grant import CLIENT_SECRET, CodeGrantVendor
from tests.vendors.every import EVERY, Known
from tests.vendors.oidc import OidcVendor
from tests.vendors.server import Reply, Request, as_json
from tests.vendors.sign_in import make_oauth2, provider, refused, sign_in
from users.models import User

REFUSED = "response_refused"


def those(fit: Callable[[Known], object]) -> pytest.MarkDecorator:
    chosen = {name: known for name, known in EVERY.items() if fit(known)}
    return pytest.mark.parametrize("known", chosen.values(), ids=chosen)


every = those(lambda known: True)
with_id_tokens = those(lambda known: issubclass(known.double, OidcVendor))
with_pkce = those(lambda known: known.double.pkce)
with_refresh_tokens = those(lambda known: known.double.hands_out_refresh)
# The generic double's `rotates` is a property.
rotating = those(lambda known: known.double.hands_out_refresh and known.double.rotates is not False)
revoking = those(lambda known: known.revokes)


def test_none_is_left_out() -> None:
    assert {known.method for known in EVERY.values()} == PROVIDERS.keys()


# --- who it is ------------------------------------------------------------------------------------


@every
def test_signs_in(agent: Agent, known: Known, vendor: CodeGrantVendor, alice: User) -> None:
    with refuse_any_other_way_out():
        response = sign_in(agent, vendor)

    assert response.status_code == 302
    assert agent.username == "alice@acme.example"
    assert Link.objects.get(user=alice).subject == known.subject
    assert not vendor.server.refusals


@pytest.mark.row(21)
@pytest.mark.parametrize(
    ("known", "lie"),
    [
        pytest.param(known, lie, id=f"{name}-{lie}")
        for name, known in EVERY.items()
        for lie in known.not_vouched
    ],
)
def test_address_that_the_vendor_doesnt_vouch_for(
    agent: Agent, vendor: CodeGrantVendor, alice: User, lie: dict[str, Any]
) -> None:
    assert refused(agent, sign_in(agent, vendor, **lie)) == (REFUSED, {"e-mail address"})


@pytest.mark.row(23)
@every
def test_address_that_another_person_has_now(
    agent: Agent, known: Known, vendor: CodeGrantVendor, alice: User
) -> None:
    sign_in(agent, vendor)
    agent.client.logout()

    response = sign_in(agent, vendor, **known.somebody_else(vendor))

    assert refused(agent, response) == ("not_admitted", {"subject"})


# --- whose answer it is ---------------------------------------------------------------------------


@pytest.mark.row(18)
@every
def test_answer_may_name_the_issuer_and_no_other(
    agent: Agent, known: Known, vendor: CodeGrantVendor, connector: Connector, alice: User
) -> None:
    issuer = known.other_issuer.format(url=vendor.url)
    answer = vendor.authorize(agent.open()["Location"]) | {"iss": issuer}
    response = agent.bring(answer)
    assert refused(agent, response) == (REFUSED, {"response issuer"})
    assert not vendor.server.asked(vendor.token_path), "the code stays here"

    answer = vendor.authorize(agent.open()["Location"]) | {"iss": connector.issuer_url}
    agent.bring(answer)
    assert agent.username == "alice@acme.example"


@pytest.mark.row(18)
@pytest.mark.row(20)
@with_id_tokens
def test_token_of_another_issuer(agent: Agent, vendor: OidcVendor, alice: User) -> None:
    response = sign_in(agent, vendor, iss="https://evil.example")

    assert refused(agent, response) == (REFUSED, {"issuer"})


@pytest.mark.row(19)
@with_pkce
def test_code_of_another_login(agent: Agent, vendor: CodeGrantVendor, alice: User) -> None:
    """PKCE: a code that was stolen from another browser fits no other login."""
    stolen = vendor.authorize(Agent().open()["Location"])["code"]
    answer = vendor.authorize(agent.open()["Location"]) | {"code": stolen}

    response = agent.bring(answer)

    assert refused(agent, response)[0] == "identity_provider_error"
    assert vendor.server.refusals[-1].why == "the verifier doesn't fit"


@pytest.mark.row(19)
@every
def test_answer_in_another_browser(agent: Agent, vendor: CodeGrantVendor, alice: User) -> None:
    answer = vendor.authorize(agent.open()["Location"])

    response = Agent(back_to=agent.back_to).bring(answer)

    assert response.status_code >= 400
    assert not vendor.server.asked(vendor.token_path), "the code stays here"


# --- asked again ----------------------------------------------------------------------------------


@those(lambda known: known.asks_again)
@pytest.mark.parametrize("seconds_ago", [3600, None])
def test_asked_for_the_password_again(
    agent: Agent,
    known: Known,
    vendor: CodeGrantVendor,
    make_connector: ConnectorMaker,
    make_user: UserMaker,
    seconds_ago: int | None,
) -> None:
    """Where the vendor doesn't say when that was, it is no proof."""
    connector = make_oauth2(make_connector, known.method, known.options(vendor), force_authn=True)
    make_user("alice@acme.example", connector)

    lie = None if seconds_ago is None else int(time.time()) - seconds_ago
    response = sign_in(agent, vendor, auth_time=lie)
    assert refused(agent, response) == (REFUSED, {"authentication time"})
    assert (vendor.asked["prompt"], vendor.asked["max_age"]) == ("login", "0")

    sign_in(agent, vendor, auth_time=int(time.time()))
    assert agent.username == "alice@acme.example"


@those(lambda known: not known.asks_again)
def test_cant_be_made_to_ask_again(
    known: Known, vendor: CodeGrantVendor, make_connector: ConnectorMaker
) -> None:
    with pytest.raises(ValidationError, match="always ask for the password") as caught:
        make_oauth2(make_connector, known.method, known.options(vendor), force_authn=True)
    assert "force_authn" in caught.value.message_dict
    assert not PROVIDERS[known.method].can_ask_again


# --- the app there --------------------------------------------------------------------------------


@every
def test_wrong_secret(agent: Agent, known: Known, vendor: CodeGrantVendor, alice: User) -> None:
    vendor.secret = "a newer one"

    assert refused(agent, sign_in(agent, vendor))[0] == "identity_provider_error"
    detail = Attempt.objects.latest("pk").detail
    assert known.wrong_secret in detail
    assert CLIENT_SECRET not in detail


# --- the tokens afterwards ------------------------------------------------------------------------


@with_refresh_tokens
def test_refresh(agent: Agent, vendor: CodeGrantVendor, alice: User, connector: Connector) -> None:
    sign_in(agent, vendor)
    (tokens,) = vendor.grants
    before = tokens.kept()

    with refuse_any_other_way_out():
        answer = provider(connector).refresh_token(before.refresh_token)

    after = provider(connector).grant(answer, previous=before)
    assert answer["access_token"] == after.access_token == tokens.access != before.access_token
    assert after.refresh_token == tokens.refresh
    assert ("refresh_token" in answer) is (vendor.rotates or vendor.repeats_refresh)


@rotating
def test_refresh_ends_the_refresh_token_before(
    agent: Agent, known: Known, vendor: CodeGrantVendor, alice: User, connector: Connector
) -> None:
    sign_in(agent, vendor)
    (tokens,) = vendor.grants
    first = tokens.refresh
    answer = provider(connector).refresh_token(first)

    assert answer["refresh_token"] == tokens.refresh != first
    with pytest.raises(known.dead_token_error):
        provider(connector).refresh_token(first)


@with_refresh_tokens
def test_refresh_token_that_is_over(
    known: Known, vendor: CodeGrantVendor, connector: Connector
) -> None:
    with pytest.raises(known.dead_token_error) as caught:
        provider(connector).refresh_token("of long ago")
    assert (caught.value.provider_code, caught.value.stage) == (known.dead_token, "refresh")


@with_refresh_tokens
def test_grant_that_is_over_needs_the_person(
    agent: Agent, vendor: CodeGrantVendor, alice: User, connector: Connector
) -> None:
    """Whatever the vendor's word for that is: it is told from a vendor that is away."""
    sign_in(agent, vendor)
    (tokens,) = vendor.grants
    first = access_token_for(alice, connector)
    tokens.is_over = True

    with pytest.raises(ReconnectNeeded):
        access_token_for(alice, connector, rejected=first)


@revoking
def test_revoke(agent: Agent, vendor: CodeGrantVendor, alice: User, connector: Connector) -> None:
    sign_in(agent, vendor)
    (tokens,) = vendor.grants
    vendor.server.requests.clear()

    with refuse_any_other_way_out():
        assert provider(connector).revoke(tokens.kept()) is True

    assert tokens.is_over
    (request,) = vendor.server.requests
    in_address = {"token": tokens.refresh} if vendor.revokes_in_address else {}
    assert request.query == in_address, "it would be in logs"
    with pytest.raises(SocialAuthBaseException):
        provider(connector).refresh_token(tokens.refresh)


@those(lambda known: known.revokes and known.revokes_again)
def test_revoke_what_is_over(
    agent: Agent, vendor: CodeGrantVendor, alice: User, connector: Connector
) -> None:
    sign_in(agent, vendor)
    (tokens,) = vendor.grants
    tokens.is_over = True

    assert provider(connector).revoke(tokens.kept()) is True


@revoking
def test_revocation_that_failed_says_so(
    agent: Agent, vendor: CodeGrantVendor, alice: User, connector: Connector
) -> None:
    def broken(request: Request) -> Reply:
        return as_json({"error": "server_error"}, 500)

    sign_in(agent, vendor)
    (tokens,) = vendor.grants
    vendor.server.routes = dict.fromkeys(vendor.server.routes, broken)

    with pytest.raises(SocialAuthBaseException):
        provider(connector).revoke(tokens.kept())
    assert not tokens.is_over


@those(lambda known: not known.revokes)
def test_there_is_no_way_to_revoke(vendor: CodeGrantVendor, connector: Connector) -> None:
    assert provider(connector).revoke(Grant(access_token="a token")) is None
