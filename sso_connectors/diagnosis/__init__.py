"""What went wrong in a sign-in, in sentences: what happened, what to do, whose turn it is.

Checks and errors are kept in one language, as they were written; the sentences are made from them when
somebody reads, in that person's language and in the words of the connector's identity provider.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ..models import ConnectorType, RedirectUri, redirect_address
from ..models.attempt import Attempt, Outcome
from ..models.pending_login import LIFETIME
from ..results.checks import LEFT_OUT
from . import admission, causes, oauth2, saml2
from .sentences import HIDDEN, Finding, Service, Turn
from .services import service_of
from .signatures import certificate_note
from .times import TIMES, time_finding

__all__ = ["PERSONAL", "Advice", "Diagnosis", "Turn", "diagnose"]

# Checks that hold somebody's name or address.
PERSONAL: Final = frozenset(
    {
        "username",
        "linked user",
        "subject",
        "e-mail address",
        "member of the tenant",
        "object identifier",
        "Zoho CRM user",
    }
)
# What their sentences name beside that.
_NOT_PERSONAL: Final = frozenset({"attribute", "sent", "subjects", "names"})
# How a sentence goes on where “…” would be no word of it.
_UNSEEN: Final = {"username": admission.UNNAMED}
# Where a failed check says more than the cause.
_SAID_BY_CHECKS: Final = frozenset({"response_refused", "identity_provider_error", "not_admitted"})

GENERIC: Final = Finding(
    Turn.ADMINISTRATOR,
    _("The check “%(name)s” failed: received %(received)s, expected %(expected)s."),
    _("Compare the connector with the settings at the identity provider."),
)


class Advice(NamedTuple):
    """What one check says. `check` is its name, as on the attempt.

    is_verified: whether the identity provider vouches for what it is about. is_note: the check passed, and
    there is something to be said all the same.
    """

    check: str
    sentence: str
    turn: Turn
    is_verified: bool
    is_note: bool


@dataclass(frozen=True)
class Diagnosis:
    """summary: what happened and what to do first. turn: whose turn that is. advice: all, check by check."""

    summary: str
    turn: Turn
    advice: tuple[Advice, ...] = ()


def diagnose(attempt: Attempt, *, personal: bool = False) -> Diagnosis:
    """Say in the active language what an attempt came to.

    personal: whether the reader may see whom it was about; without that, names and addresses of people
    are left out.
    """
    service = service_of(attempt.connector)
    advice = tuple(_advice(attempt, service, personal))
    failures = [each for each in advice if not each.is_note]
    if failures and attempt.cause in _SAID_BY_CHECKS:
        return Diagnosis(failures[0].sentence, failures[0].turn, advice)
    finding = _of_outcome(attempt)
    summary, turn = finding.sentence(service, **_our_addresses(attempt)), finding.turn
    if attempt.outcome == Outcome.TEST_PASSED and attempt.user_id is None and failures:
        fits = causes.TEST_WITHOUT_PERSON.sentence(service)
        summary, turn = f"{fits} {failures[-1].sentence}", failures[-1].turn
    return Diagnosis(summary, turn, advice)


def _our_addresses(attempt: Attempt) -> dict[str, str]:
    """The addresses of ours that the sentences name: that of the connector, and those it might have."""
    connector = attempt.connector
    if connector is None:
        return dict.fromkeys(("redirect_uri", "other_redirect_uris", "own_redirect_uri"), HIDDEN)
    own = connector.redirect_address
    every = [redirect_address(choice, connector.reference) for choice in RedirectUri.values]
    return {
        "redirect_uri": own,
        "other_redirect_uris": " / ".join(address for address in every if address != own),
        "own_redirect_uri": redirect_address(RedirectUri.OWN, connector.reference),
    }


def _of_outcome(attempt: Attempt) -> Finding:
    if attempt.outcome == Outcome.FAILED:
        return causes.cause_finding(
            attempt.cause,
            attempt.detail,
            connector=attempt.connector,
            reference=attempt.connector_reference,
        )
    if attempt.outcome in (Outcome.IN_PROGRESS, Outcome.NEVER_CAME_BACK):
        may_come = attempt.started_at + LIFETIME >= timezone.now()
        if attempt.outcome == Outcome.IN_PROGRESS and may_come:
            return causes.UNDER_WAY
        return causes.NEVER_CAME_BACK_OAUTH2 if _is_oauth(attempt) else causes.NEVER_CAME_BACK
    if attempt.outcome == Outcome.SIGNED_IN:
        return causes.SIGNED_IN
    is_disabled = attempt.connector is not None and not attempt.connector.enabled
    return causes.TEST_PASSED_DISABLED if is_disabled else causes.TEST_PASSED


def _advice(attempt: Attempt, service: Service | None, personal: bool) -> Iterator[Advice]:
    """A sentence for each check that failed, and for a valid signature by a certificate that has ended."""
    ours = _our_addresses(attempt)
    for check in attempt.checks:
        name, expected, received = check["name"], check["expected"], check["received"]
        if name == LEFT_OUT:  # what is told of those that were kept is true of these
            continue
        finding = _noted(name, received) if check["passed"] else _finding(attempt, check, service)
        if finding is None:
            continue
        values = {"name": name, "expected": expected, "received": received, **ours}
        if name in PERSONAL and not personal:
            values |= dict.fromkeys(("expected", "received"), HIDDEN)
            hidden = finding.values.keys() - _NOT_PERSONAL
            finding = finding.naming(**{each: str(_UNSEEN.get(each, HIDDEN)) for each in hidden})
        yield Advice(
            name,
            finding.sentence(service, **values),
            finding.turn,
            is_verified=check["verified"],
            is_note=check["passed"],
        )


def _noted(name: str, received: str) -> Finding | None:
    return certificate_note(received) if name == "signature" else None


def _finding(attempt: Attempt, check: Mapping[str, Any], service: Service | None) -> Finding:
    name, expected, received = check["name"], check["expected"], check["received"]
    if name in TIMES:
        return time_finding(
            name,
            expected,
            received,
            ended_at=attempt.ended_at or timezone.now(),
            service=service,
        )
    if name == "linked user":
        return admission.linked_user(received)
    if name == "subject" and admission.speaks_of_subject(expected):
        return admission.subject(expected, received)
    if name == "username" and admission.speaks_of_username(expected):
        return admission.NO_ADDRESS
    if name == "e-mail address":
        connector = attempt.connector
        return oauth2.email_address(connector.authentication_method if connector else "", received)
    if name == "redirect URI":
        return oauth2.OTHER_REDIRECT_URI
    finders = oauth2.FINDERS if _is_oauth(attempt) else saml2.FINDERS
    finder = finders.get(name, GENERIC)
    return finder if isinstance(finder, Finding) else finder(expected, received)


def _is_oauth(attempt: Attempt) -> bool:
    """By its checks: the connector may be gone, or of another type by now."""
    names = {check["name"] for check in attempt.checks}
    if names & {"state", "status"}:
        return "state" in names
    return attempt.connector is not None and attempt.connector.type == ConnectorType.OAUTH2
