"""The failed checks of a SAML response, one by one; what to do in the words of its identity provider."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from django.utils.translation import gettext_lazy as _

from .sentences import HIDDEN, NONE, Finder, Finding, Topic, Turn
from .signatures import signature_finding
from .statuses import status_finding

_SET: Final = _("In %(idp)s, set “%(field)s” to %(expected)s.")

# --- whom the answer is for ------------------------------------------------------------------------

AUDIENCE: Final = Finding(
    Turn.IT_PERSON,
    _("The identity provider sent the audience %(received)s; it must be %(expected)s."),
    _(
        "At the identity provider, set our Identity (Entity ID), also called audience, to that address, "
        "letter by letter."
    ),
    Topic.IDENTITY,
    _SET,
)
NO_AUDIENCE: Final = replace(
    AUDIENCE,
    what=_("The response has no audience; it must be %(expected)s."),
)
MORE_AUDIENCES: Final = Finding(
    Turn.IT_PERSON,
    _("The response is for us, but is restricted to others as well (audience): %(received)s."),
    _(
        "At the identity provider, keep our Identity (Entity ID) as the only audience: "
        "%(expected)s."
    ),
    Topic.IDENTITY,
    _("In %(idp)s, keep “%(field)s” as the only audience: %(expected)s."),
)
ADDRESSED: Final = Finding(
    Turn.IT_PERSON,
    _("The response is addressed to %(received)s; it must be addressed to %(expected)s."),
    _("At the identity provider, set our Reply URL (ACS) to that address, letter by letter."),
    Topic.REPLY_URL,
    _SET,
)
NOT_ADDRESSED: Final = replace(
    ADDRESSED, what=_("The response has no destination; it must be %(expected)s.")
)
RECIPIENT: Final = Finding(
    Turn.IT_PERSON,
    _("The response names the recipient %(received)s; it must be %(expected)s."),
    _(
        "At the identity provider, set our Reply URL (ACS), and also the recipient, to "
        "that address."
    ),
    Topic.RECIPIENT,
    _SET,
)
NO_RECIPIENT: Final = replace(
    RECIPIENT, what=_("The response doesn't name a recipient; it must be %(expected)s.")
)

# --- whom it is from -------------------------------------------------------------------------------

ISSUER: Final = Finding(
    Turn.ADMINISTRATOR,
    _("The response comes from %(received)s, and the connector trusts %(expected)s."),
    _(
        "If the first is the customer's identity provider, set the connector's Issuer URL to it, letter "
        "by letter."
    ),
    Topic.ISSUER,
    _(
        "If the first is the value of “%(field)s” in the customer's %(idp)s, set the "
        "connector's Issuer URL to it, letter by letter."
    ),
)
NEAR_ISSUER: Final = Finding(
    Turn.ADMINISTRATOR,
    _(
        "The issuer is %(received)s, and the connector has %(expected)s. These are "
        "almost the same, but every letter counts: http or https, capital letters, and "
        "the final slash."
    ),
    _("Set the connector's Issuer URL to the first value, as the identity provider writes it."),
    Topic.ISSUER,
    _("Set the connector's Issuer URL to the first value, as “%(field)s” is written in %(idp)s."),
)
NO_ISSUER: Final = Finding(
    Turn.IT_PERSON,
    _("The response has no issuer; the connector trusts %(expected)s."),
    _("The identity provider must name itself as the issuer of the assertion."),
)

# --- which login it answers --------------------------------------------------------------------------

OTHER_REQUEST: Final = Finding(
    Turn.AGENT,
    _("The response belongs to a different sign-in."),
    _(
        "The person closes old sign-in pages and starts again at the login address. If "
        "it keeps failing, the customer's IT checks why the identity provider changes "
        "InResponseTo."
    ),
)
NO_REQUEST: Final = Finding(
    Turn.IT_PERSON,
    _("The response doesn't name our request (InResponseTo), as if it had not been requested."),
    _(
        "At the identity provider, have sign-ins start from our request "
        "(“SP-initiated”), and check that the connector's Endpoint is the address for "
        "that."
    ),
)

# --- what it must have ---------------------------------------------------------------------------------

VERSION: Final = Finding(
    Turn.IT_PERSON,
    _("The response is SAML version %(received)s; only 2.0 is supported."),
    _("At the identity provider, set this application up for SAML 2.0."),
)
NO_VERSION: Final = Finding(
    Turn.PROVIDER,
    _("The response doesn't state its SAML version."),
    _("No setting here can fix this. The identity provider's vendor has to correct it."),
)
NO_CONDITIONS: Final = Finding(
    Turn.IT_PERSON,
    _("The response has no conditions, so it would be valid forever and for everyone."),
    _(
        "At the identity provider, look for a setting that adds conditions or an "
        "audience. If there is none, ask its vendor."
    ),
)
SEVERAL_CONDITIONS: Final = Finding(
    Turn.PROVIDER,
    _("The response has %(received)s sets of conditions; it must have exactly one."),
    _("No setting here can fix this. The identity provider's vendor has to correct it."),
)
UNKNOWN_CONDITIONS: Final = Finding(
    Turn.IT_PERSON,
    _("The response has a condition that is not supported here: %(received)s."),
    _("At the identity provider, remove that condition from what is sent to us."),
)
CONFIRMATION: Final = Finding(
    Turn.IT_PERSON,
    _("The response confirms the person by “%(received)s”; it must be bearer."),
    _("At the identity provider, choose Web Browser SSO with subject confirmation “bearer”."),
)
NO_CONFIRMATION: Final = replace(
    CONFIRMATION, what=_("The response doesn't confirm its subject (SubjectConfirmation).")
)
NO_AUTHENTICATION: Final = Finding(
    Turn.IT_PERSON,
    _("The response doesn't say when the person signed in (AuthnStatement)."),
    _("Configure the identity provider to send the AuthnStatement. Some can leave it out."),
)

# --- who it is about -------------------------------------------------------------------------------------

ENCRYPTED_NAME: Final = Finding(
    Turn.IT_PERSON,
    _("The identifier (NameID) is encrypted. Encrypted identifiers are not supported."),
    _("At the identity provider, switch off NameID encryption. The connection uses https."),
    Topic.ENCRYPTION,
    _("In %(idp)s, switch off encryption (“%(field)s”). The connection uses https."),
)
IDENTIFIER: Final = Finding(
    Turn.IT_PERSON,
    _(
        "The response must name one person by one plain identifier (NameID). Subjects: "
        "%(subjects)s, identifiers: %(names)s."
    ),
    _("Configure the identity provider to send one NameID with nothing inside it."),
)
USERNAME: Final = Finding(
    Turn.IT_PERSON,
    _(
        "The response doesn't contain the person's e-mail address: the identifier is "
        "“%(identifier)s”, and the attributes are %(sent)s."
    ),
    _(
        "At the identity provider, set the identifier (NameID) to the e-mail address, or "
        "name the attribute that contains it in the connector's Username attribute."
    ),
    Topic.USERNAME,
    _(
        "In %(idp)s, set “%(field)s” to the e-mail address, or name the attribute that "
        "contains it in the connector's Username attribute."
    ),
)
NO_ATTRIBUTE: Final = Finding(
    Turn.ADMINISTRATOR,
    _("The response has no attribute %(attribute)s. Its attributes: %(sent)s."),
    _(
        "Set the connector's Username attribute to the attribute that contains the "
        "e-mail address, or configure the identity provider to send %(attribute)s."
    ),
)
ATTRIBUTE: Final = Finding(
    Turn.IT_PERSON,
    _("The attribute %(attribute)s must contain one e-mail address; it contains %(received)s."),
    _(
        "At the identity provider, set that attribute to the person's e-mail address and "
        "nothing else, or name another attribute in the connector's Username attribute."
    ),
)
NOT_PERSISTENT: Final = Finding(
    Turn.IT_PERSON,
    _(
        "The connector asks for a persistent identifier (NameID). The response has the format %(received)s and no "
        "permanent ID."
    ),
    _(
        "At the identity provider, set the NameID format to persistent. If it can't send that, choose another SAML "
        "identifier format on the connector. If only one person sees this, they may have changed the sign-in "
        "request."
    ),
    Topic.FORMAT,
    _(
        "In %(idp)s, set “%(field)s” to persistent. If it can't send that, choose another SAML identifier format on "
        "the connector. If only one person sees this, they may have changed the sign-in request."
    ),
)
NO_OBJECT_ID: Final = Finding(
    Turn.IT_PERSON,
    _(
        "The response has no permanent ID for the person: the claim objectidentifier, "
        "which Microsoft Entra ID always sends, is missing."
    ),
    _(
        "In Microsoft Entra ID, configure the app to send the basic claims "
        "(IncludeBasicClaimSet in a claims mapping policy)."
    ),
)
LONG_SUBJECT: Final = Finding(
    Turn.IT_PERSON,
    _("The identity provider's permanent ID for the person is too long (%(received)s characters)."),
    _("At the identity provider, choose a shorter persistent identifier (512 characters at most)."),
)


def _named(some: Finding, none: Finding) -> Callable[[str, str], Finding]:
    return lambda expected, received: none if received in NONE else some


def _issuer(expected: str, received: str) -> Finding:
    if received in NONE:
        return NO_ISSUER
    return NEAR_ISSUER if _even(expected) == _even(received) else ISSUER


def _even(issuer: str) -> str:
    return re.sub(r"^https?:", "", issuer.lower()).rstrip("/")


def _audience(expected: str, received: str) -> Finding:
    if received in NONE:
        return NO_AUDIENCE
    return MORE_AUDIENCES if expected in received.split(", ") else AUDIENCE


def _conditions(expected: str, received: str) -> Finding:
    if not received.isdigit():
        return UNKNOWN_CONDITIONS
    return NO_CONDITIONS if received == "0" else SEVERAL_CONDITIONS


def _identifier(expected: str, received: str) -> Finding:
    counted = re.match(r"(\d+) subjects, (\d+) NameIDs", received)
    return IDENTIFIER.naming(subjects=counted[1], names=counted[2]) if counted else ENCRYPTED_NAME


def _username(expected: str, received: str) -> Finding:
    _before, wanted, attribute = expected.partition("one e-mail address in the attribute ")
    if not wanted:
        identifier, separator, sent = received.removeprefix("identifier ").rpartition(
            "; attributes "
        )
        if not separator:  # cut off before the attributes: what is left is all the identifier's
            identifier, sent = sent, HIDDEN
        return USERNAME.naming(identifier=_or_dash(identifier), sent=_or_dash(sent))
    sent = received.removeprefix("no such attribute; sent are: ")
    if sent != received:
        return NO_ATTRIBUTE.naming(attribute=attribute, sent=_or_dash(sent))
    return ATTRIBUTE.naming(attribute=attribute)


def _or_dash(text: str) -> str:
    return "–" if text in NONE else text


FINDERS: Final[Mapping[str, Finder]] = {
    "status": lambda expected, received: status_finding(received),
    "signature": signature_finding,
    "response version": _named(VERSION, NO_VERSION),
    "assertion version": _named(VERSION, NO_VERSION),
    "response in response to": _named(OTHER_REQUEST, NO_REQUEST),
    "in response to": _named(OTHER_REQUEST, NO_REQUEST),
    "destination": _named(ADDRESSED, NOT_ADDRESSED),
    "recipient": _named(RECIPIENT, NO_RECIPIENT),
    "response issuer": _issuer,
    "assertion issuer": _issuer,
    "conditions": _conditions,
    "audience": _audience,
    "subject confirmation": _named(CONFIRMATION, NO_CONFIRMATION),
    "authentication statement": NO_AUTHENTICATION,
    "identifier": _identifier,
    "username": _username,
    "identifier format": NOT_PERSISTENT,
    "object identifier": NO_OBJECT_ID,
    "subject": LONG_SUBJECT,
}
