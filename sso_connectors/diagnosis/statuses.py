"""What an identity provider answers that couldn't sign the person in (saml-core-2.0 section 3.2.2.2)."""

from collections.abc import Mapping
from typing import Final

from django.utils.translation import gettext_lazy as _

from .sentences import Finding, Topic, Turn

STATUSES: Final[Mapping[str, Finding]] = {
    "InvalidNameIDPolicy": Finding(
        Turn.IT_PERSON,
        _(
            "The identity provider can't name the person in the SAML identifier format that we ask for."
        ),
        _(
            "At the identity provider, set the format of the NameID to the connector's SAML identifier format; "
            "or choose “none (ask for none)” here."
        ),
        Topic.FORMAT,
        _(
            "In %(idp)s, set “%(field)s” to the connector's SAML identifier format; or choose “none (ask for "
            "none)” here."
        ),
    ),
    "AuthnFailed": Finding(
        Turn.AGENT,
        _("The identity provider couldn't sign the person in."),
        _(
            "The person tries again with the right password. If it goes on, the customer's IT person looks whether "
            "the account is locked."
        ),
    ),
    "NoAuthnContext": Finding(
        Turn.IT_PERSON,
        _("The identity provider can't sign the person in by the method that is demanded."),
        _(
            "We demand none, except the password again where the connector says so: the customer's IT person "
            "looks at the sign-in rules for this application."
        ),
    ),
    "NoPassive": Finding(
        Turn.IT_PERSON,
        _("The identity provider says that it may not show its sign-in page."),
        _(
            "We never ask for that: the customer's IT person looks for a setting (“passive”) for this "
            "application, and switches it off."
        ),
    ),
    "RequestDenied": Finding(
        Turn.IT_PERSON,
        _("The identity provider understood our request, and refuses it."),
        _("The customer's IT person looks whether this person may use this application there."),
    ),
    "RequestUnsupported": Finding(
        Turn.IT_PERSON,
        _("The identity provider doesn't support such a request."),
        _(
            "Check that the connector's Endpoint is the address for single sign-on, and that the request "
            "binding fits it."
        ),
    ),
    "UnknownPrincipal": Finding(
        Turn.IT_PERSON,
        _("The identity provider doesn't know the person."),
        _("The customer's IT person gives the person an account there, and this application."),
    ),
    "UnsupportedBinding": Finding(
        Turn.ADMINISTRATOR,
        _("The identity provider can't answer by the way that we ask for (HTTP-POST)."),
        _(
            "Check that the connector's Endpoint and request binding fit each other; at the identity provider, "
            "our Reply URL (ACS) must be registered for HTTP-POST."
        ),
    ),
    "InvalidAttrNameOrValue": Finding(
        Turn.IT_PERSON,
        _("The identity provider finds an attribute wrong that it is to send."),
        _("The customer's IT person looks at the attributes of this application there."),
    ),
    "UnknownAttrProfile": Finding(
        Turn.IT_PERSON,
        _("The identity provider doesn't know the form of an attribute that it is to send."),
        _("The customer's IT person looks at the attributes of this application there."),
    ),
    "ResourceNotRecognized": Finding(
        Turn.IT_PERSON,
        _("The identity provider doesn't know what we ask for."),
        _("At the identity provider, check our Identity (Entity ID) and Reply URL (ACS)."),
    ),
    "NoAvailableIDP": Finding(
        Turn.IT_PERSON,
        _("The identity provider passes sign-ins on to another, which it can't reach."),
        _("The person tries again in a moment. If it goes on, the customer's IT person looks why."),
    ),
    "NoSupportedIDP": Finding(
        Turn.IT_PERSON,
        _("The identity provider passes sign-ins on to others, and none of them will do."),
        _("The customer's IT person looks to whom it passes them on."),
    ),
    "ProxyCountExceeded": Finding(
        Turn.IT_PERSON,
        _(
            "The identity provider passes sign-ins on to another, which may not pass them on further."
        ),
        _("The customer's IT person looks to whom it passes them on."),
    ),
    "PartialLogout": Finding(
        Turn.IT_PERSON,
        _("The identity provider answers with the result of a sign-out."),
        _(
            "Check that the connector's Endpoint is the address for single sign-on, not for sign-out."
        ),
    ),
    "TooManyResponses": Finding(
        Turn.IT_PERSON,
        _("The identity provider has more to answer than it can send."),
        _("At the identity provider, let it send fewer attributes, groups above all."),
    ),
    "RequestVersionTooHigh": Finding(
        Turn.IT_PERSON,
        _("The identity provider takes older requests than those of SAML 2.0."),
        _("At the identity provider, set this application up for SAML 2.0."),
    ),
    "RequestVersionTooLow": Finding(
        Turn.IT_PERSON,
        _("The identity provider wants newer requests than those of SAML 2.0."),
        _("At the identity provider, set this application up for SAML 2.0."),
    ),
    "RequestVersionDeprecated": Finding(
        Turn.IT_PERSON,
        _("The identity provider doesn't take requests of this version of SAML any more."),
        _("At the identity provider, set this application up for SAML 2.0."),
    ),
    "VersionMismatch": Finding(
        Turn.IT_PERSON,
        _("The identity provider doesn't understand SAML 2.0 requests."),
        _("At the identity provider, set this application up for SAML 2.0."),
    ),
    "Requester": Finding(
        Turn.IT_PERSON,
        _("The identity provider finds our request wrong, and doesn't say why."),
        _(
            "At the identity provider, check our Identity (Entity ID) and Reply URL (ACS), that signed requests "
            "aren't demanded, and what its log says."
        ),
    ),
    "Responder": Finding(
        Turn.IT_PERSON,
        _("The identity provider failed, and doesn't say why."),
        _(
            "The person tries again. If it goes on, the customer's IT person looks into the identity provider's "
            "log, and at the rules for the NameID there."
        ),
    ),
    "Success": Finding(
        Turn.IT_PERSON,
        _("The identity provider reports success and something else at once: %(received)s."),
        _("That is refused: the customer's IT person looks into the identity provider's log."),
    ),
}
OTHER_STATUS: Final = Finding(
    Turn.IT_PERSON,
    _("The identity provider couldn't sign the person in, and reports %(received)s."),
    _("The customer's IT person looks up what that means there, and into its log."),
)
NO_STATUS: Final = Finding(
    Turn.PROVIDER,
    _("The answer doesn't say whether the sign-in went well."),
    _("No setting here makes up for that: the identity provider's vendor has to put it right."),
)


def status_finding(received: str) -> Finding:
    """The last code says most; the first only who is to blame."""
    codes = [code.rpartition(":")[2] for code in received.split(" / ") if code]
    known = [STATUSES[code] for code in reversed(codes) if code in STATUSES]
    if not codes:
        return NO_STATUS
    return known[0] if known else OTHER_STATUS
