"""The checks have names for people, in the language of whoever reads."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from django.test import Client
from django.utils.translation import override

from sso_connectors.admin.attempts.check_names import CHECKS, check_in_words
from sso_connectors.diagnosis import PERSONAL, oauth2, saml2, times
from sso_connectors.models import Connector
from sso_connectors.models.attempt import Attempt
from sso_connectors.results.checks import LEFT_OUT
from tests.agent import Agent
from tests.idp import IdP

from ...diagnosis.test_diagnosis import recorded

LINKS: Final = Path(__file__).resolve().parents[4] / "sso_connectors" / "login" / "admission.py"


@pytest.fixture(autouse=True)
def _language() -> Iterator[None]:
    """A request leaves its language behind in the thread, for the tests that come after."""
    with override("en"):
        yield


def recorded_by_links() -> Iterator[str]:
    for node in ast.walk(ast.parse(LINKS.read_text())):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "checks.record":
            yield ast.literal_eval(node.args[0])


def test_every_check_has_a_name_for_people() -> None:
    """Fails where the code records a new check that nobody has named in check_names.py."""
    of_links = {*recorded_by_links()}
    assert of_links == {"username", "linked user", "subject"}
    stored = {name for _kind, name in recorded()} | of_links
    told = {*saml2.FINDERS, *oauth2.FINDERS, *times.TIMES, *PERSONAL}
    assert set(CHECKS) == stored | told | {LEFT_OUT}


def test_name_is_in_the_readers_language() -> None:
    said_otherwise = {"subject": "permanent ID"}
    for name in CHECKS:
        words = said_otherwise.get(name, name)
        assert check_in_words(name) == words, "English is what is stored, but for the glossary's"
    with override("fr"):
        assert check_in_words("response issuer") == "émetteur de la réponse"
        assert check_in_words("state") == "paramètre state"


def test_check_of_another_version_keeps_its_name() -> None:
    with override("fr"):
        assert check_in_words("phase of the moon") == "phase of the moon"


@pytest.mark.django_db
def test_names_on_the_page(maker: Client, idp: IdP, connector: Connector) -> None:
    Agent().sign_in(idp, audience="https://old.example")
    page = maker.get(
        f"/maker/sso_connectors/attempt/{Attempt.objects.get().pk}/change/",
        HTTP_ACCEPT_LANGUAGE="fr",
    ).content.decode()
    assert '<th scope="row">destinataire (recipient)</th>' in page
    assert '<th scope="row">recipient</th>' not in page
