"""Whose word a check is: the provider's, signed or told to our server itself, or that of whoever has the browser."""

from typing import Any

import pytest
from django.test import Client

from sso_connectors.models import Attempt
from tests.agent import Agent
from tests.vendors.code_grant import CodeGrantVendor
from tests.vendors.every import EVERY, Known
from tests.vendors.sign_in import sign_in
from users.models import User

WARNING = "No valid signature covers this"
# Those that sign nothing, each with something that it says of a person who doesn't get in.
UNSIGNED: dict[str, dict[str, Any]] = {
    "github": {"emails": []},
    "github_app": {"emails": []},
    "hubspot": {"active": False},
    "zendesk": {"email": None},
    "zoho_crm": {"Email": None},
}

pytestmark = pytest.mark.row(18)


def verdicts() -> dict[str, bool]:
    """By check of the last attempt, in their order: whether it is the provider's word."""
    return {check["name"]: check["verified"] for check in Attempt.objects.latest("pk").checks}


def page() -> str:
    reader = Client()
    reader.force_login(User.objects.create_superuser("root@maker.example"))
    attempt = Attempt.objects.latest("pk")
    return reader.get(f"/maker/sso_connectors/attempt/{attempt.pk}/change/").content.decode()


@pytest.mark.parametrize("known", EVERY.values(), ids=EVERY)
def test_what_the_provider_says_of_the_person_is_its_word(
    agent: Agent, known: Known, vendor: CodeGrantVendor, alice: User
) -> None:
    sign_in(agent, vendor)

    found = verdicts()
    assert found.pop("state") is False, "it came through the browser"
    assert found["subject"] is found["linked user"] is True
    # What is looked at before anything is proved.
    early = {"response issuer", "ID token signature"}
    assert {name for name, verified in found.items() if not verified} <= early


@pytest.mark.parametrize(
    ("known", "lie"), [(EVERY[name], lie) for name, lie in UNSIGNED.items()], ids=UNSIGNED
)
def test_refusal_for_what_the_provider_says(
    agent: Agent, known: Known, vendor: CodeGrantVendor, alice: User, lie: dict[str, Any]
) -> None:
    assert sign_in(agent, vendor, **lie).status_code >= 400

    failed = [check for check in Attempt.objects.get().checks if not check["passed"]]
    assert failed
    assert all(check["verified"] for check in failed)
    assert WARNING not in page()


@pytest.mark.parametrize("known", EVERY.values(), ids=EVERY)
def test_refusal_before_the_exchange_may_be_anybodys_work(
    agent: Agent, known: Known, vendor: CodeGrantVendor, alice: User
) -> None:
    answer = vendor.authorize(agent.open()["Location"]) | {"iss": "https://evil.example"}
    assert agent.bring(answer).status_code >= 400

    assert verdicts() == {"state": False, "response issuer": False}
    assert WARNING in page()


@pytest.mark.parametrize("known", [EVERY["zoho_crm"]], ids=["zoho_crm"])
def test_server_that_the_answer_names_is_anybodys_word(
    agent: Agent, known: Known, vendor: CodeGrantVendor, alice: User
) -> None:
    answer = vendor.authorize(agent.open()["Location"])
    agent.bring(answer | {"accounts-server": "https://evil.example"})

    assert verdicts() == {"state": False, "accounts server": False}
    assert WARNING in page()


@pytest.mark.parametrize(
    "known", [EVERY[name] for name in ("github", "zendesk")], ids=["github", "zendesk"]
)
def test_code_that_the_provider_does_not_take_proves_nothing(
    agent: Agent, known: Known, vendor: CodeGrantVendor, alice: User
) -> None:
    answer = vendor.authorize(agent.open()["Location"]) | {"code": "made up"}
    assert agent.bring(answer).status_code >= 400

    assert verdicts() == {"state": False}
