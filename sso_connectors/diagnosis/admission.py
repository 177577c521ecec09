"""Why somebody whom the identity provider has named doesn't get in: the checks of `links.linked_user`."""

from collections.abc import Mapping
from typing import Final

from django.utils.translation import gettext_lazy as _

from .sentences import Finding, Topic, Turn

# Who “%(username)s” is, at the beginning of a sentence, to those who may not see people.
UNNAMED: Final = _("The person named")
UNLINKED: Final = Finding(
    Turn.ADMINISTRATOR,
    _("%(username)s is no user here, or not linked to this connector."),
    _(
        "If it is the right person, the button on this attempt adds or links them; where there is none, link them "
        "on the connector's tab “Users”. If the person has another address here, the customer's "
        "IT person lets the identity provider send that."
    ),
    Topic.USERNAME,
    _(
        "If it is the right person, the button on this attempt adds or links them; where there is none, link them "
        "on the connector's tab “Users”. If the person has another address here, let “%(field)s” "
        "in %(idp)s be that address."
    ),
)
INACTIVE: Final = Finding(
    Turn.ADMINISTRATOR,
    _("%(username)s is not active here."),
    _("If the person still works with you, make the user active on the user card."),
)
DISABLED: Final = Finding(
    Turn.ADMINISTRATOR,
    _("%(username)s doesn't get in, since the connector is disabled."),
    _(
        "If agents shall sign in through it, enable the connector again; the person then starts again."
    ),
)
STAFF: Final = Finding(
    Turn.ADMINISTRATOR,
    _("%(username)s is staff, and this connector may not sign staff in."),
    _(
        "Staff sign in with their password. A superuser can allow it on the connector (“staff may sign in”), "
        "which lets whoever runs this identity provider into the Maker."
    ),
)
NO_ADDRESS: Final = Finding(
    Turn.IT_PERSON,
    _("The identity provider calls the person “%(received)s”, which is not an e-mail address."),
    _("At the identity provider, let it send the person's e-mail address."),
    Topic.USERNAME,
    _("In %(idp)s, let “%(field)s” be the e-mail address."),
)
OTHER_SUBJECT: Final = Finding(
    Turn.ADMINISTRATOR,
    _(
        "The identity provider's name for this person for good is %(received)s, and was %(expected)s at the first "
        "sign-in: the address may be another person's now."
    ),
    _(
        "Ask the customer's IT person. If it is the same person, reset the subject on the link; if not, unlink "
        "the user."
    ),
)
SUBJECT_OF_ANOTHER: Final = Finding(
    Turn.ADMINISTRATOR,
    _(
        "The identity provider's name for this person for good is %(received)s, which is remembered for another "
        "user of this connector."
    ),
    _(
        "Ask the customer's IT person which user that is. If the address has changed, reset the subject on the "
        "link of the old user, or unlink that user."
    ),
)
NO_SUBJECT: Final = Finding(
    Turn.ADMINISTRATOR,
    _(
        "The response has no permanent ID for this person, and %(expected)s is remembered from the first sign-in."
    ),
    _(
        "If the connector's SAML identifier format or the identity provider's settings have changed, reset the "
        "permanent ID on the link. If not, ask the customer's IT person: the person may have changed the sign-in "
        "request to pass for somebody else."
    ),
)
UNLINKED_MEANWHILE: Final = Finding(
    Turn.ADMINISTRATOR,
    _("The user was unlinked from the connector while signing in."),
    _(
        "If that was a mistake, link the user again on the connector's tab “Users”; the person then starts again."
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
    return not expected.startswith(("at most ", "text of ", "a name for good"))


def subject(expected: str, received: str) -> Finding:
    if received == "none sent":
        return NO_SUBJECT
    of_another = expected == "a subject that no other user of this connector has"
    return SUBJECT_OF_ANOTHER if of_another else OTHER_SUBJECT
