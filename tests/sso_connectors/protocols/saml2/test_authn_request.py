"""Our request: by redirect and by post, whatever the connector, and valid by the schema."""

import base64
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from lxml import etree
from saml2.xml.schema import validate

from sso_connectors import addresses
from sso_connectors.models import IdentifierFormat
from sso_connectors.protocols.saml2.authn_request import NAME_ID_FORMATS, authn_request
from sso_connectors.protocols.saml2.protocol import Saml2
from tests.idp import ReceivedRequest, read_post_form, read_redirect, saml

from .reading import IDP, begun

POST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"


def sent(**fields: object) -> ReceivedRequest:
    """What the identity provider reads of our request through a connector with these fields."""
    pending = begun(**fields)
    departure = Saml2().begin(pending.connector, pending)
    if not departure.fields:
        return read_redirect(departure.url)
    inputs = "".join(
        f'<input name="{name}" value="{value}">' for name, value in departure.fields.items()
    )
    return read_post_form(f'<form action="{departure.url}">{inputs}</form>')


@pytest.mark.parametrize("binding", ["redirect", "post"])
@pytest.mark.parametrize("force_authn", [True, False])
@pytest.mark.parametrize("identifier_format", IdentifierFormat)
def test_request(binding: str, force_authn: bool, identifier_format: IdentifierFormat) -> None:
    request = sent(binding=binding, force_authn=force_authn, identifier_format=identifier_format)
    validate(request.xml.decode())
    wanted = NAME_ID_FORMATS.get(identifier_format)
    assert request == ReceivedRequest(
        id="_request",
        issuer="http://localhost:8000/api/saml/metadata",
        acs_url="http://localhost:8000/api/sso/login/callback",
        destination=IDP.sso_url,
        name_id_format=wanted,
        allow_create=True if wanted else None,
        force_authn=force_authn,
        protocol_binding=POST,
        relay_state=None,
        xml=request.xml,
        sent_to=IDP.sso_url,
    )


def test_nothing_else_is_asked() -> None:
    """Neither a signature nor a way of authentication; and no NameIDPolicy without a format."""
    root = etree.fromstring(sent(identifier_format="none").xml)
    assert [child.tag for child in root] == [saml("Issuer")]


def test_time_of_the_request() -> None:
    with time_machine.travel(datetime(2030, 5, 17, 12, 0, 1, 999_999, tzinfo=UTC), tick=False):
        request = sent()
    assert b'IssueInstant="2030-05-17T12:00:01Z"' in request.xml


@pytest.mark.parametrize(
    ("endpoint", "kept"),
    [
        ("https://idp.example/sso", {}),
        ("https://idp.example/sso?tenant=a&x=%20", {"tenant": ["a"], "x": [" "]}),
    ],
)
def test_query_of_the_endpoint_is_kept(endpoint: str, kept: dict[str, list[str]]) -> None:
    pending = begun(endpoint=endpoint)
    departure = authn_request(pending.connector, pending)
    query = parse_qs(urlsplit(departure.url).query, strict_parsing=True)
    assert departure.url.startswith(endpoint)
    assert {name: query[name] for name in query if name != "SAMLRequest"} == kept
    assert read_redirect(departure.url).destination == endpoint


def test_post_carries_the_request_undeflated() -> None:
    pending = begun(binding="post", endpoint="https://idp.example/sso?tenant=a")
    departure = authn_request(pending.connector, pending)
    assert departure.url == "https://idp.example/sso?tenant=a"
    assert set(departure.fields) == {"SAMLRequest"}
    assert base64.b64decode(departure.fields["SAMLRequest"], validate=True).startswith(b"<")


@pytest.mark.row(35)
def test_addresses_come_from_the_setting(settings: object) -> None:
    settings.PUBLIC_BASE_URL = "https://maker.example"  # type: ignore[attr-defined]
    request = sent()
    assert request.issuer == addresses.identity() == "https://maker.example/api/saml/metadata"
    assert request.acs_url == "https://maker.example/api/sso/login/callback"
