"""What an identity provider answers that couldn't sign the person in (saml-core-2.0 section 3.2.2.2)."""

from collections.abc import Mapping
from typing import Final

from django.utils.translation import gettext_lazy as _

from .sentences import Finding, Topic, Turn

STATUSES: Final[Mapping[str, Finding]] = {
    "InvalidNameIDPolicy": Finding(
        Turn.IT_PERSON,
        _("The identity provider can't name the person in the requested SAML identifier format."),
        _(
            "At the identity provider, set the NameID format to the connector's SAML "
            "identifier format, or choose “none (ask for none)” here."
        ),
        Topic.FORMAT,
        _(
            "In %(idp)s, set “%(field)s” to the connector's SAML identifier format, or "
            "choose “none (ask for none)” here."
        ),
    ),
    "AuthnFailed": Finding(
        Turn.AGENT,
        _("The identity provider couldn't sign the person in."),
        _(
            "The person tries again with the correct password. If it keeps failing, the "
            "customer's IT checks whether the account is locked."
        ),
    ),
    "NoAuthnContext": Finding(
        Turn.IT_PERSON,
        _("The identity provider can't sign the person in with the requested method."),
        _(
            "We don't request one, except a new password entry if the connector says so. "
            "The customer's IT checks the sign-in rules for this application."
        ),
    ),
    "NoPassive": Finding(
        Turn.IT_PERSON,
        _("The identity provider says that it may not show its sign-in page."),
        _(
            "We never request this. The customer's IT looks for a “passive” setting for "
            "this application and switches it off."
        ),
    ),
    "RequestDenied": Finding(
        Turn.IT_PERSON,
        _("The identity provider understood our request, but denied it."),
        _("The customer's IT checks whether this person has access to this application there."),
    ),
    "RequestUnsupported": Finding(
        Turn.IT_PERSON,
        _("The identity provider doesn't support this kind of request."),
        _(
            "Check that the connector's Endpoint is the single sign-on address, and that "
            "the request binding matches it."
        ),
    ),
    "UnknownPrincipal": Finding(
        Turn.IT_PERSON,
        _("The identity provider doesn't know the person."),
        _("The customer's IT gives the person an account there, and access to this application."),
    ),
    "UnsupportedBinding": Finding(
        Turn.ADMINISTRATOR,
        _("The identity provider can't respond in the way that we ask for (HTTP-POST)."),
        _(
            "Check that the connector's Endpoint and request binding match. At the "
            "identity provider, our Reply URL (ACS) must be registered for HTTP-POST."
        ),
    ),
    "InvalidAttrNameOrValue": Finding(
        Turn.IT_PERSON,
        _("The identity provider reports an invalid attribute that it has to send."),
        _("The customer's IT checks this application's attributes there."),
    ),
    "UnknownAttrProfile": Finding(
        Turn.IT_PERSON,
        _("The identity provider doesn't know the format of an attribute that it has to send."),
        _("The customer's IT checks this application's attributes there."),
    ),
    "ResourceNotRecognized": Finding(
        Turn.IT_PERSON,
        _("The identity provider doesn't know what we request."),
        _("At the identity provider, check our Identity (Entity ID) and Reply URL (ACS)."),
    ),
    "NoAvailableIDP": Finding(
        Turn.IT_PERSON,
        _("The identity provider forwards sign-ins to another one, which it can't reach."),
        _("The person tries again in a moment. If it keeps failing, the customer's IT checks why."),
    ),
    "NoSupportedIDP": Finding(
        Turn.IT_PERSON,
        _("The identity provider forwards sign-ins to others, and none of them is suitable."),
        _("The customer's IT checks where sign-ins are forwarded."),
    ),
    "ProxyCountExceeded": Finding(
        Turn.IT_PERSON,
        _(
            "The identity provider forwards sign-ins to another one, which may not "
            "forward them again."
        ),
        _("The customer's IT checks where sign-ins are forwarded."),
    ),
    "PartialLogout": Finding(
        Turn.IT_PERSON,
        _("The identity provider responds with the result of a sign-out."),
        _(
            "Check that the connector's Endpoint is the single sign-on address, not the "
            "sign-out address."
        ),
    ),
    "TooManyResponses": Finding(
        Turn.IT_PERSON,
        _("The identity provider has more data to send than it can."),
        _("Configure the identity provider to send fewer attributes, especially groups."),
    ),
    "RequestVersionTooHigh": Finding(
        Turn.IT_PERSON,
        _("The identity provider expects requests older than SAML 2.0."),
        _("At the identity provider, set this application up for SAML 2.0."),
    ),
    "RequestVersionTooLow": Finding(
        Turn.IT_PERSON,
        _("The identity provider expects requests newer than SAML 2.0."),
        _("At the identity provider, set this application up for SAML 2.0."),
    ),
    "RequestVersionDeprecated": Finding(
        Turn.IT_PERSON,
        _("The identity provider no longer accepts requests of this SAML version."),
        _("At the identity provider, set this application up for SAML 2.0."),
    ),
    "VersionMismatch": Finding(
        Turn.IT_PERSON,
        _("The identity provider doesn't support SAML 2.0 requests."),
        _("At the identity provider, set this application up for SAML 2.0."),
    ),
    "Requester": Finding(
        Turn.IT_PERSON,
        _("The identity provider rejects our request and doesn't say why."),
        _(
            "At the identity provider, check our Identity (Entity ID) and Reply URL "
            "(ACS), that signed requests are not required, and its log."
        ),
    ),
    "Responder": Finding(
        Turn.IT_PERSON,
        _("The identity provider failed and doesn't say why."),
        _(
            "The person tries again. If it keeps failing, the customer's IT checks the "
            "identity provider's log and its NameID rules."
        ),
    ),
    "Success": Finding(
        Turn.IT_PERSON,
        _(
            "The identity provider reports success and something else at the same time: "
            "%(received)s."
        ),
        _("This is rejected. The customer's IT checks the identity provider's log."),
    ),
}
OTHER_STATUS: Final = Finding(
    Turn.IT_PERSON,
    _("The identity provider couldn't sign the person in. It reports %(received)s."),
    _("The customer's IT looks up what this means there, and checks its log."),
)
NO_STATUS: Final = Finding(
    Turn.PROVIDER,
    _("The response doesn't say whether the sign-in succeeded."),
    _("No setting here can fix this. The identity provider's vendor has to correct it."),
)


def status_finding(received: str) -> Finding:
    """The last code says most; the first only who is to blame."""
    codes = [code.rpartition(":")[2] for code in received.split(" / ") if code]
    known = [STATUSES[code] for code in reversed(codes) if code in STATUSES]
    if not codes:
        return NO_STATUS
    return known[0] if known else OTHER_STATUS
