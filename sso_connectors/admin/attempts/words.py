"""How the Maker says in a word or two what became of an attempt; `diagnosis` has the sentences."""

from collections.abc import Mapping
from typing import Final

from django.db.models import Q
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

from ...models.attempt import Attempt, Outcome
from ...models.pending_login import LIFETIME
from ..html import pill

NEVER_CAME_BACK: Final = Outcome.NEVER_CAME_BACK.value
STATES: Final[Mapping[str, StrOrPromise]] = {
    Outcome.IN_PROGRESS.value: _("in progress"),
    Outcome.SIGNED_IN.value: _("signed in"),
    Outcome.TEST_PASSED.value: _("test passed"),
    Outcome.FAILED.value: _("failed"),
    NEVER_CAME_BACK: _("never came back"),
}

# By the codes of errors.py.
CAUSES: Final[Mapping[str, StrOrPromise]] = {
    "unknown_connector": _("no connector with this reference"),
    "connector_not_ready": _("connector is a draft or disabled"),
    "too_many_starts": _("too many at once"),
    "bad_message": _("not a response"),
    "response_refused": _("response rejected"),
    "identity_provider_error": _("rejected by the identity provider"),
    "identity_provider_away": _("identity provider unavailable"),
    "declined": _("sign-in was cancelled"),
    "secret_unreadable": _("client secret unreadable"),
    "no_such_login": _("finished, or started in another browser"),
    "already_used": _("response already used"),
    "unsolicited_again": _("response that was not requested"),
    "not_admitted": _("not linked, or not allowed to sign in"),
}


def state_of(attempt: Attempt) -> str:
    """One of STATES. That somebody stays away is written by sso_cleanup only, so it is worked out before."""
    over = attempt.started_at + LIFETIME < timezone.now()
    if attempt.outcome == Outcome.IN_PROGRESS and over:
        return NEVER_CAME_BACK
    return str(attempt.outcome)


def in_state(state: str) -> Q:
    """The attempts of which `state_of` says this."""
    if state not in (Outcome.IN_PROGRESS, NEVER_CAME_BACK):
        return Q(outcome=state)
    oldest = timezone.now() - LIFETIME
    if state == NEVER_CAME_BACK:
        return Q(outcome=state) | Q(outcome=Outcome.IN_PROGRESS, started_at__lt=oldest)
    return Q(outcome=state, started_at__gte=oldest)


def state_pill(attempt: Attempt) -> SafeString:
    state = state_of(attempt)
    return pill(state, str(STATES.get(state, state)))


def cause_in_words(attempt: Attempt) -> str:
    """ "" where it didn't fail."""
    return str(CAUSES.get(attempt.cause, attempt.cause))
