"""Checks of times, of both protocols: which clock is wrong and by how much, or what is simply over."""

import re
from datetime import datetime
from typing import Final

from django.utils.translation import gettext_lazy as _

from .sentences import NONE, Finding, Service, Turn, apart, moment

# What the checks of both protocols are called that compare a time of the answer with our clock.
TIMES: Final = frozenset(
    {
        "response time",
        "assertion time",
        "conditions not before",
        "conditions not on or after",
        "confirmation not before",
        "confirmation not on or after",
        "session not on or after",
        "authentication time",
        "expires",
        "issued at",
        "not before",
    }
)
# Of them: when the answer was made.
_DATES: Final = frozenset({"response time", "assertion time", "issued at"})
# Our clock, as the checks write it beside what they expect.
_NOW = re.compile(r"now \(([^)]+)\)").search
_SINCE = re.compile(r"after (\d{4}-\d\d-\d\dT[0-9:]+Z)").search

UNREADABLE: Final = Finding(
    Turn.PROVIDER,
    _("The response has an invalid time: “%(received)s”."),
    _("No setting here can fix this. The identity provider's vendor has to correct it."),
)
MISSING: Final = Finding(
    Turn.IT_PERSON,
    _("The response doesn't say from when or until when it is valid."),
    _("The customer's IT sets a lifetime at the identity provider."),
)
NO_SIGN_IN_TIME: Final = Finding(
    Turn.PROVIDER,
    _("The response doesn't say when the person signed in at the identity provider."),
    _(
        "If the connector always asks for the password, you can switch that off here. "
        "Otherwise the identity provider's vendor has to correct it."
    ),
)
UNDATED: Final = Finding(
    Turn.PROVIDER,
    _("The response has no date."),
    _("No setting here can fix this. The identity provider's vendor has to correct it."),
)
AHEAD: Final = Finding(
    Turn.IT_PERSON,
    _("The response is dated %(apart)s ahead of our clock; two minutes are tolerated."),
    _(
        "Ask the customer's IT to correct the clock of the identity provider's server "
        "(NTP). If it is correct, the operator checks ours."
    ),
)
AHEAD_OF_A_VENDOR: Final = Finding(
    Turn.OPERATOR,
    _("The response is dated %(apart)s ahead of our clock; two minutes are tolerated."),
    _(
        "The clock of %(service)s is very unlikely to be wrong. The operator "
        "synchronises our server's clock by NTP."
    ),
)
OLD: Final = Finding(
    Turn.IT_PERSON,
    _("The response is dated %(apart)s before its arrival, before the sign-in started."),
    _(
        "If the person went back to an old page, they start again at the login address. "
        "If it keeps failing, ask the customer's IT to correct the clock of the identity "
        "provider's server (NTP)."
    ),
)
OLD_OF_A_VENDOR: Final = Finding(
    Turn.OPERATOR,
    _("The response is dated %(apart)s before its arrival, before the sign-in started."),
    _(
        "If the person went back to an old page, they start again at the login address. "
        "If it keeps failing, the operator synchronises our server's clock by NTP: the "
        "clock of %(service)s is very unlikely to be wrong."
    ),
)
OVER: Final = Finding(
    Turn.AGENT,
    _("The response had expired %(apart)s before it arrived; two minutes are tolerated."),
    _(
        "The person starts again at the login address. If it keeps failing, one of the "
        "two clocks is wrong: the customer's IT and the operator check theirs (NTP)."
    ),
)
SESSION_OVER: Final = Finding(
    Turn.AGENT,
    _("The person's session at the identity provider had expired %(apart)s before they came here."),
    _("The person signs out at the identity provider, and starts again at the login address."),
)
NOT_ASKED_AGAIN: Final = Finding(
    Turn.IT_PERSON,
    _(
        "The connector always asks for the password, and the identity provider didn't: "
        "the sign-in there is %(apart)s older."
    ),
    _(
        "The customer's IT configures the identity provider to honour ForceAuthn "
        "(prompt=login for OAUTH 2), or the administrator switches off “Always ask for "
        "the password” here."
    ),
)


def time_finding(
    name: str, expected: str, received: str, *, ended_at: datetime, service: Service | None
) -> Finding:
    """What a failed check of TIMES says. ended_at: when the attempt ended, our clock where a check has none."""
    when = moment(received)
    if when is None:
        if received not in NONE:
            return UNREADABLE
        if name in _DATES:
            return UNDATED
        return NO_SIGN_IN_TIME if name == "authentication time" else MISSING
    noted = _NOW(expected)
    now = (moment(noted[1]) if noted else None) or ended_at
    finding = _finding(name, expected, when, now, service)
    return finding.naming(apart=apart(when, now))


def _finding(
    name: str, expected: str, when: datetime, now: datetime, service: Service | None
) -> Finding:
    at_a_vendor = service is not None and service.runs_itself
    if when > now:
        found = AHEAD_OF_A_VENDOR if at_a_vendor else AHEAD
    elif name == "authentication time" and _SINCE(expected):
        return NOT_ASKED_AGAIN
    elif name == "session not on or after":
        return SESSION_OVER
    elif name in _DATES:
        found = OLD_OF_A_VENDOR if at_a_vendor else OLD
    else:
        return OVER
    return found.naming(service=service.name) if service else found
