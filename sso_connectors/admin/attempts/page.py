"""What the page of one attempt shows, and to whom: who was named takes a permission of its own."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.safestring import SafeString
from django.utils.translation import ngettext

from users.models import User

from ...diagnosis import PERSONAL, Advice, Diagnosis, diagnose
from ...models import Connector
from ...models.attempt import Attempt, Outcome
from ..connectors.test_sign_in import may_test
from .add_user import add_address
from .check_names import check_in_words
from .check_texts import detail_in_words, text_in_words
from .link_user import (
    VIEW_PERSONAL,
    lacks_only_the_link,
    link_address,
    may_link,
    named_user,
    obstacle,
)
from .words import state_pill


@dataclass(frozen=True)
class CheckRow:
    name: str
    expected: str
    received: str
    passed: bool
    is_verified: bool
    is_hidden: bool


@dataclass(frozen=True)
class Claim:
    name: str
    values: list[str]


@dataclass(frozen=True)
class LinkOffer:
    """*Link this user*: where, or why not and where to add them first, if whoever asks may."""

    address: str
    why_not: str
    add_address: str


class AttemptPage:
    def __init__(self, attempt: Attempt, request: HttpRequest) -> None:
        self.record = attempt
        self.sees_people = may_see_people(request)
        self._request = request

    @property
    def pill(self) -> SafeString:
        return state_pill(self.record)

    @property
    def is_test(self) -> bool:
        return self.record.is_test

    @property
    def has_passed(self) -> bool:
        return self.record.outcome in (Outcome.SIGNED_IN, Outcome.TEST_PASSED)

    @property
    def has_failed(self) -> bool:
        return self.record.outcome == Outcome.FAILED

    @property
    def is_of_nobody(self) -> bool:
        """A test that passed, of somebody who wouldn't have been signed in."""
        return self.record.outcome == Outcome.TEST_PASSED and self.record.user_id is None

    @cached_property
    def diagnosis(self) -> Diagnosis:
        return diagnose(self.record, personal=self.sees_people)

    @property
    def turn(self) -> str:
        return str(self.diagnosis.turn.label)

    @property
    def is_nobodys_turn(self) -> bool:
        return self.diagnosis.turn == self.diagnosis.turn.NOBODY

    @property
    def rests_on_unverified(self) -> bool:
        """Whether what the first sentence is about may be made up by a stranger."""
        return any(not each.is_verified for each in self._said_at_once)

    @property
    def more_advice(self) -> list[Advice]:
        said = self._said_at_once
        return [each for each in self.diagnosis.advice if each not in said]

    @cached_property
    def _said_at_once(self) -> list[Advice]:
        summary = self.diagnosis.summary
        return [each for each in self.diagnosis.advice if each.sentence in summary]

    @cached_property
    def checks(self) -> list[CheckRow]:
        return [self._row(check) for check in self.record.checks]

    @property
    def failed_checks(self) -> int:
        return sum(not check.passed for check in self.checks)

    def _row(self, check: dict[str, Any]) -> CheckRow:
        hidden = check["name"] in PERSONAL and not self.sees_people
        return CheckRow(
            name=check_in_words(check["name"]),
            expected="" if hidden else text_in_words(check["expected"]),
            received="" if hidden else text_in_words(check["received"]),
            passed=check["passed"],
            is_verified=check["verified"],
            is_hidden=hidden,
        )

    @property
    def person(self) -> User | None:
        """Who signed in, or would have."""
        return self.record.user if self.sees_people else None

    @property
    def person_address(self) -> str:
        return self._address_of(self.person, "users_user", "users.view_user")

    @property
    def named(self) -> str:
        """Whom the identity provider named; never without a verified answer."""
        return self.record.username if self.sees_people else ""

    @property
    def detail(self) -> str:
        record = self.record
        return detail_in_words(record.detail, record.checks) if self.sees_people else ""

    @property
    def hides_something(self) -> bool:
        record = self.record
        holds = record.username or record.detail or record.claims or record.user_id
        return bool(holds) and not self.sees_people

    @cached_property
    def claims(self) -> list[Claim]:
        return list(_claims(self.record.claims)) if self.sees_people else []

    @property
    def connector(self) -> Connector | None:
        return self.record.connector

    @property
    def connector_address(self) -> str:
        return self._address_of(
            self.connector, "sso_connectors_connector", "sso_connectors.view_connector"
        )

    @property
    def test_address(self) -> str:
        """Where *Test again* posts to; "" where there is no test to offer."""
        connector = self.connector
        if not self.is_test or connector is None or not may_test(self._request, connector):
            return ""
        return reverse("admin:sso_connectors_connector_test", args=[connector.pk])

    @property
    def login_address(self) -> str:
        """To be shared, once a test has passed."""
        connector = self.connector
        passed = self.record.outcome == Outcome.TEST_PASSED
        return connector.login_address if connector and passed and self.connector_address else ""

    @cached_property
    def link(self) -> LinkOffer | None:
        if not may_link(self._request) or not lacks_only_the_link(self.record):
            return None
        user = named_user(self.record)
        return LinkOffer(
            address=link_address(self.record),
            why_not=str(obstacle(user, self.connector)),
            add_address="" if user else add_address(self.record, self._request),
        )

    @property
    def took(self) -> str:
        """From the start to the end, what the person did at the provider included; "" for no time."""
        ended = self.record.ended_at
        seconds = int((ended - self.record.started_at).total_seconds()) if ended else 0
        if seconds < 1:
            return ""
        if seconds < 120:
            words = ngettext("after %(count)d second", "after %(count)d seconds", seconds)
            return words % {"count": seconds}
        minutes = seconds // 60
        return ngettext("after %(count)d minute", "after %(count)d minutes", minutes) % {
            "count": minutes
        }

    def _address_of(self, row: User | Connector | None, view: str, permission: str) -> str:
        may_view = self._request.user.has_perm(permission) or self._request.user.has_perm(
            permission.replace("view_", "change_")
        )
        if row is None or not may_view:
            return ""
        return reverse(f"admin:{view}_change", args=[row.pk])


def may_see_people(request: HttpRequest) -> bool:
    return request.user.has_perm(VIEW_PERSONAL)


def _claims(claims: Any) -> Iterator[Claim]:
    """Each claim with its values as text; an attribute of SAML has several."""
    for name, value in claims.items() if isinstance(claims, dict) else ():
        values = value if isinstance(value, list) else [value]
        yield Claim(str(name), [str(each) for each in values])
