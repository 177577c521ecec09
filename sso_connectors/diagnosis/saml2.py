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
    what=_("The answer doesn't say for whom it is made (audience); it must say %(expected)s."),
)
MORE_AUDIENCES: Final = Finding(
    Turn.IT_PERSON,
    _("The answer is for us and must also be for others (audience): %(received)s."),
    _(
        "At the identity provider, leave our Identity (Entity ID) as the only audience: %(expected)s."
    ),
    Topic.IDENTITY,
    _("In %(idp)s, leave “%(field)s” as the only audience: %(expected)s."),
)
ADDRESSED: Final = Finding(
    Turn.IT_PERSON,
    _("The answer is addressed to %(received)s; it must be addressed to %(expected)s."),
    _("At the identity provider, set our Reply URL (ACS) to that address, letter by letter."),
    Topic.REPLY_URL,
    _SET,
)
NOT_ADDRESSED: Final = replace(
    ADDRESSED, what=_("The answer doesn't say to which address it goes; it must say %(expected)s.")
)
RECIPIENT: Final = Finding(
    Turn.IT_PERSON,
    _("The answer names the recipient %(received)s; it must be %(expected)s."),
    _("At the identity provider, set our Reply URL (ACS), also as recipient, to that address."),
    Topic.RECIPIENT,
    _SET,
)
NO_RECIPIENT: Final = replace(
    RECIPIENT, what=_("The answer doesn't name its recipient; it must be %(expected)s.")
)

# --- whom it is from -------------------------------------------------------------------------------

ISSUER: Final = Finding(
    Turn.ADMINISTRATOR,
    _("The answer comes from %(received)s, and the connector trusts %(expected)s."),
    _(
        "If the first is the customer's identity provider, set the connector's Issuer URL to it, letter "
        "by letter."
    ),
    Topic.ISSUER,
    _(
        "If the first is what “%(field)s” says in the customer's %(idp)s, set the connector's Issuer URL "
        "to it, letter by letter."
    ),
)
NEAR_ISSUER: Final = Finding(
    Turn.ADMINISTRATOR,
    _(
        "The issuer is %(received)s, and the connector has %(expected)s: nearly the same, and every letter "
        "counts, http or https, capitals and the slash at the end too."
    ),
    _("Set the connector's Issuer URL to the first, as the identity provider writes it."),
    Topic.ISSUER,
    _("Set the connector's Issuer URL to the first, as “%(field)s” is written in %(idp)s."),
)
NO_ISSUER: Final = Finding(
    Turn.IT_PERSON,
    _("The answer doesn't say from whom it is; the connector trusts %(expected)s."),
    _("The identity provider has to name itself as issuer, in the response and in the assertion."),
)

# --- which login it answers --------------------------------------------------------------------------

OTHER_REQUEST: Final = Finding(
    Turn.AGENT,
    _("The answer is to another sign-in than this one."),
    _(
        "The person closes old sign-in pages and starts again at the login address. If it goes on, the "
        "customer's IT person looks why the identity provider changes InResponseTo."
    ),
)
NO_REQUEST: Final = Finding(
    Turn.IT_PERSON,
    _("The answer doesn't name our request (InResponseTo), as if nobody had asked for it."),
    _(
        "At the identity provider, let sign-ins start from our request (“SP-initiated”), and check that "
        "the connector's Endpoint is the address for that."
    ),
)

# --- what it must have ---------------------------------------------------------------------------------

VERSION: Final = Finding(
    Turn.IT_PERSON,
    _("The answer is SAML of the version %(received)s; only 2.0 is understood here."),
    _("At the identity provider, set this application up for SAML 2.0."),
)
NO_VERSION: Final = Finding(
    Turn.PROVIDER,
    _("The answer doesn't say of which version of SAML it is."),
    _("No setting here makes up for that: the identity provider's vendor has to put it right."),
)
NO_CONDITIONS: Final = Finding(
    Turn.IT_PERSON,
    _("The answer has no conditions, so it would count for ever and for everybody."),
    _(
        "At the identity provider, look for a setting that adds conditions or an audience; if there is "
        "none, it is a matter for its vendor."
    ),
)
SEVERAL_CONDITIONS: Final = Finding(
    Turn.PROVIDER,
    _("The answer has its conditions %(received)s times, and must have them once."),
    _("No setting here makes up for that: the identity provider's vendor has to put it right."),
)
UNKNOWN_CONDITIONS: Final = Finding(
    Turn.IT_PERSON,
    _("The answer has a condition that is not understood here: %(received)s."),
    _("At the identity provider, take that condition out of what is sent to us."),
)
CONFIRMATION: Final = Finding(
    Turn.IT_PERSON,
    _("The answer confirms the person by “%(received)s”; it must be by bearer."),
    _("At the identity provider, choose Web Browser SSO with subject confirmation “bearer”."),
)
NO_CONFIRMATION: Final = replace(
    CONFIRMATION, what=_("The answer doesn't confirm for whom it is (SubjectConfirmation).")
)
NO_AUTHENTICATION: Final = Finding(
    Turn.IT_PERSON,
    _("The answer doesn't say that and when the person signed in (AuthnStatement)."),
    _("At the identity provider, let it send the AuthnStatement, which some can leave out."),
)

# --- who it is about -------------------------------------------------------------------------------------

ENCRYPTED_NAME: Final = Finding(
    Turn.IT_PERSON,
    _("The identifier (NameID) is encrypted, and encrypted ones are not read here."),
    _("At the identity provider, switch the encryption of the NameID off; the way here is https."),
    Topic.ENCRYPTION,
    _("In %(idp)s, switch encryption off (“%(field)s”); the way here is https."),
)
IDENTIFIER: Final = Finding(
    Turn.IT_PERSON,
    _(
        "The answer must name one person by one plain identifier (NameID); subjects in it: %(subjects)s, "
        "identifiers: %(names)s."
    ),
    _("At the identity provider, let it send one NameID, without anything inside it."),
)
USERNAME: Final = Finding(
    Turn.IT_PERSON,
    _(
        "Nothing in the answer is the person's e-mail address: the identifier is “%(identifier)s”, and the "
        "attributes are called %(sent)s."
    ),
    _(
        "At the identity provider, let the identifier (NameID) be the e-mail address; or name the attribute "
        "that has it in the connector's Username attribute."
    ),
    Topic.USERNAME,
    _(
        "In %(idp)s, let “%(field)s” be the e-mail address; or name the attribute that has it in the "
        "connector's Username attribute."
    ),
)
NO_ATTRIBUTE: Final = Finding(
    Turn.ADMINISTRATOR,
    _("The answer has no attribute %(attribute)s; it has these: %(sent)s."),
    _(
        "Set the connector's Username attribute to the one that holds the e-mail address, or let the "
        "identity provider send %(attribute)s."
    ),
)
ATTRIBUTE: Final = Finding(
    Turn.IT_PERSON,
    _("The attribute %(attribute)s must hold one e-mail address; it holds %(received)s."),
    _(
        "At the identity provider, let that attribute be the person's e-mail address and nothing else; or "
        "name another in the connector's Username attribute."
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
        "The response has no permanent ID of the person: the claim objectidentifier, which Microsoft Entra ID always "
        "sends, is missing."
    ),
    _(
        "In Microsoft Entra ID, let the app send the basic claims (IncludeBasicClaimSet in a claims mapping policy)."
    ),
)
LONG_SUBJECT: Final = Finding(
    Turn.IT_PERSON,
    _("The identity provider's name for the person for good is too long: %(received)s letters."),
    _("At the identity provider, choose a shorter persistent identifier; 512 letters are allowed."),
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
