"""*Test sign-in* where it can't go its way: no such connector, another host, a secret that can't be read."""

from typing import Any, Final

import pytest
from cryptography.fernet import Fernet
from django.test import Client

from sso_connectors.models import Connector
from sso_connectors.models.attempt import Attempt
from sso_connectors.secrets.encryption import Secret
from tests.conftest import ConnectorMaker

pytestmark = pytest.mark.django_db

LIST: Final = "/maker/sso_connectors/connector/"


def test_connector_that_is_gone(maker: Client) -> None:
    for key in ("99999", "x"):
        assert maker.post(f"{LIST}{key}/test/").status_code == 404
    assert not Attempt.objects.exists()


def test_test_from_another_host_goes_back_to_the_form_at_ours(
    maker: Client, connector: Connector, settings: Any
) -> None:
    """The identity provider answers at our own host, where this browser isn't signed in."""
    settings.ALLOWED_HOSTS = ["localhost", "maker.acme.example"]
    response = maker.post(f"{LIST}{connector.pk}/test/", headers={"host": "maker.acme.example"})
    form = f"http://localhost:8000{LIST}{connector.pk}/change/"
    assert (response.status_code, response["Location"]) == (302, form)
    assert not Attempt.objects.exists()


def test_test_that_ends_before_the_provider_shows_why(
    maker: Client, make_connector: ConnectorMaker
) -> None:
    connector = make_connector(
        type="oauth2",
        authentication_method="github",
        client_id="the-client",
        client_secret=Secret(Fernet(Fernet.generate_key()).encrypt(b"the-secret").decode()),
        issuer_url="",
        endpoint="",
        certificates="",
    )
    response = maker.post(f"{LIST}{connector.pk}/test/")
    attempt = Attempt.objects.get()
    assert response["Location"] == f"/maker/sso_connectors/attempt/{attempt.pk}/change/"
    assert (attempt.cause, attempt.is_test) == ("secret_unreadable", True)
    assert "The test failed" in maker.get(response["Location"]).content.decode()
