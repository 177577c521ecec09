"""Why somebody whom the identity provider has named doesn't get in: the checks of `links.linked_user`."""

from collections.abc import Mapping
from typing import Final

from django.utils.translation import gettext_lazy as _

from .sentences import Finding, Topic, Turn

# Who “%(username)s” is, at the beginning of a sentence, to those who may not see people.
UNNAMED: Final = _("The person named")
UNLINKED: Final = Finding(
    Turn.ADMINISTRATOR,
    _("%(username)s is not a user here, or is not linked to this connector."),
    _(
        "If it is the right person, add or link them with the button on this attempt, or "
        "on the connector's “Users” tab. If the person has another address here, ask the "
        "customer's IT to have the identity provider send that one."
    ),
    Topic.USERNAME,
    _(
        "If it is the right person, add or link them with the button on this attempt, or "
        "on the connector's “Users” tab. If the person has another address here, set "
        "“%(field)s” in %(idp)s to that address."
    ),
)
INACTIVE: Final = Finding(
    Turn.ADMINISTRATOR,
    _("%(username)s is inactive here."),
    _("If the person still works with you, make the user active on the user card."),
)
DISABLED: Final = Finding(
    Turn.ADMINISTRATOR,
    _("%(username)s can't sign in because the connector is disabled."),
    _("To let agents sign in through it, enable the connector again. The person then tries again."),
)
STAFF: Final = Finding(
    Turn.ADMINISTRATOR,
    _("%(username)s is staff, and staff can't sign in through this connector."),
    _(
        "Staff sign in with their password. A superuser can allow it on the connector "
        "(“Staff may sign in”). The people who run this identity provider can then enter "
        "the Maker."
    ),
)
NO_ADDRESS: Final = Finding(
    Turn.IT_PERSON,
    _("The identity provider calls the person “%(received)s”, which is not an e-mail address."),
    _("Configure the identity provider to send the person's e-mail address."),
    Topic.USERNAME,
    _("In %(idp)s, set “%(field)s” to the e-mail address."),
)
OTHER_SUBJECT: Final = Finding(
    Turn.ADMINISTRATOR,
    _(
        "The identity provider's permanent ID for this person is %(received)s; at the "
        "first sign-in it was %(expected)s. The address may belong to another person now."
    ),
    _(
        "Ask the customer's IT. If this is the same person, reset the permanent ID on "
        "the link. If not, unlink the user."
    ),
)
SUBJECT_OF_ANOTHER: Final = Finding(
    Turn.ADMINISTRATOR,
    _(
        "The identity provider's permanent ID for this person is %(received)s, which is "
        "stored for another user of this connector."
    ),
    _(
        "Ask the customer's IT which user this is. If the address was changed, reset the "
        "permanent ID on the old user's link, or unlink that user."
    ),
)
NO_SUBJECT: Final = Finding(
    Turn.ADMINISTRATOR,
    _(
        "The response has no permanent ID for this person, but %(expected)s was stored "
        "at the first sign-in."
    ),
    _(
        "If the connector's SAML identifier format or the identity provider's settings "
        "have changed, reset the permanent ID on the link. Otherwise, ask the customer's "
        "IT: the person may have changed the sign-in request to pass for somebody else."
    ),
)
UNLINKED_MEANWHILE: Final = Finding(
    Turn.ADMINISTRATOR,
    _("The user was unlinked from the connector during the sign-in."),
    _(
        "If that was a mistake, link the user again on the connector's “Users” tab. The "
        "person then tries again."
    ),
)

# By how `links.obstacle` says it.
_OBSTACLES: Final[Mapping[str, Finding]] = {
    "no such user, or not linked to this connector": UNLINKED,
    "the user is inactive": INACTIVE,
    "the connector is disabled": DISABLED,
    "the user is staff, and the connector may not sign staff in": STAFF,
}


def linked_user(received: str) -> Finding:
    username, _separator, obstacle = received.rpartition(": ")
    return _OBSTACLES.get(obstacle, UNLINKED).naming(username=username)


def speaks_of_username(expected: str) -> bool:
    """Whether a check "username" is the one made here, and not that of a protocol."""
    return expected == "an e-mail address"


def speaks_of_subject(expected: str) -> bool:
    """Whether a check "subject" is the one made here, and not that of a protocol."""
    return not expected.startswith(("at most ", "text of ", "a permanent ID"))


def subject(expected: str, received: str) -> Finding:
    if received == "none sent":
        return NO_SUBJECT
    of_another = expected == "a subject that no other user of this connector has"
    return SUBJECT_OF_ANOTHER if of_another else OTHER_SUBJECT
