"""Our metadata: one public document, the same for every connector and whatever the Host."""

from typing import Any

import pytest
from django.test import Client
from lxml import etree
from pytest_django import Settings
from saml2.xml.schema import validate

from sso_connectors.protocols.saml2.authn_request import NAME_ID_FORMATS
from tests.idp import MD

METADATA = "/api/saml/metadata"
IDENTITY = "http://localhost:8000/api/saml/metadata"
REPLY_URL = "http://localhost:8000/api/sso/login/callback"


def get(host: str = "localhost:8000", **headers: Any) -> Any:
    return Client(HTTP_HOST=host).get(METADATA, **headers)


def test_document_is_valid_and_says_who_we_are() -> None:
    response = get()
    assert response.status_code == 200
    assert response["Content-Type"] == "text/xml; charset=utf-8"
    validate(response.content.decode())
    root = etree.fromstring(response.content)
    assert root.get("entityID") == IDENTITY
    (role,) = root
    assert role.tag == f"{{{MD}}}SPSSODescriptor"
    assert role.get("AuthnRequestsSigned") == "false"
    assert role.get("WantAssertionsSigned") == "true"
    (service,) = role.iterfind(f"{{{MD}}}AssertionConsumerService")
    assert service.get("Location") == REPLY_URL
    assert service.get("Binding") == "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
    formats = [each.text for each in role.iterfind(f"{{{MD}}}NameIDFormat")]
    assert formats == list(NAME_ID_FORMATS.values())
    assert role.find(f"{{{MD}}}KeyDescriptor") is None, "no key: requests are unsigned"


@pytest.mark.row(35)
@pytest.mark.parametrize("host", ["localhost:8000", "localhost", "other.example", "127.0.0.1:1"])
def test_host_makes_no_difference(host: str) -> None:
    assert get(host).content == get().content
    assert b"other.example" not in get(host).content


@pytest.mark.row(35)
def test_addresses_come_from_the_setting(settings: Settings) -> None:
    before = get()
    settings.PUBLIC_BASE_URL = "https://maker.example"
    response = get()
    root = etree.fromstring(response.content)
    assert root.get("entityID") == "https://maker.example/api/saml/metadata"
    assert REPLY_URL.encode() not in response.content
    assert response["ETag"] != before["ETag"]


def test_it_may_be_kept_and_asked_for_again() -> None:
    response = get()
    assert response["Cache-Control"] == "public, max-age=3600"
    again = get(HTTP_IF_NONE_MATCH=response["ETag"])
    assert again.status_code == 304
    assert not again.content
    assert get(HTTP_IF_NONE_MATCH='"other"').status_code == 200


def test_head() -> None:
    response = Client(HTTP_HOST="localhost:8000").head(METADATA)
    assert response.status_code == 200
    assert response["Cache-Control"] == get()["Cache-Control"]
    assert not response.content


@pytest.mark.parametrize("method", ["post", "put", "delete", "patch", "options"])
def test_other_methods(method: str) -> None:
    assert getattr(Client(HTTP_HOST="localhost:8000"), method)(METADATA).status_code == 405


def test_no_cookie() -> None:
    """A public cache would hand one browser's cookie to the next."""
    response = get()
    assert not response.cookies
    assert "Cookie" not in response.get("Vary", "")
