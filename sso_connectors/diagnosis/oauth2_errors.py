"""The errors that an OAUTH 2 provider names (RFC 6749 sections 4.1.2.1 and 5.2, OpenID Connect Core 3.1.2.6)."""

import re
from collections.abc import Mapping
from typing import Final

from django.utils.translation import gettext_lazy as _

from .sentences import Finding, Topic, Turn

CREDENTIALS: Final = Finding(
    Turn.ADMINISTRATOR,
    _("The provider rejects the connector's client ID and client secret (%(code)s)."),
    _("Copy both again from the app at the provider, and paste them into the connector."),
    Topic.CLIENT_SECRET,
    _(
        "Copy the client ID and “%(field)s” again from the app in %(idp)s, and paste "
        "them into the connector."
    ),
)
SECRET_EXPIRED: Final = Finding(
    Turn.ADMINISTRATOR,
    _("The client secret has expired at the provider (%(code)s)."),
    _("Create a new one for the app at the provider, and paste it into the connector."),
    Topic.CLIENT_SECRET,
    _("Create a new one for the app in %(idp)s (“%(field)s”), and paste it into the connector."),
)
UNKNOWN_APP: Final = Finding(
    Turn.ADMINISTRATOR,
    _("The provider doesn't know the connector's client ID (%(code)s)."),
    _(
        "Copy the client ID again from the app at the provider, and check the tenant, "
        "domain or host."
    ),
    Topic.CLIENT_ID,
    _("Copy “%(field)s” again from the app in %(idp)s, and check the tenant, domain or host."),
)
REPLY_URL: Final = Finding(
    Turn.ADMINISTRATOR,
    _("Our redirect URI is not registered at the provider, letter by letter (%(code)s)."),
    _(
        "Register %(redirect_uri)s as a redirect URI of the app at the provider. If one "
        "of these is already registered there, choose it as the connector's “Kind of "
        "redirect URI”: %(other_redirect_uris)s."
    ),
    Topic.REPLY_URL,
    _(
        "Register %(redirect_uri)s in %(idp)s: %(field)s. If one of these is already "
        "registered there, choose it as the connector's “Kind of redirect URI”: "
        "%(other_redirect_uris)s."
    ),
)
GRANT: Final = Finding(
    Turn.AGENT,
    _(
        "The provider rejects the code that it issued: used already, too old, or not for "
        "us (%(code)s)."
    ),
    _(
        "The person starts again at the login address. If it always fails, the "
        "administrator checks the client ID and the redirect URI of the app at the "
        "provider."
    ),
)
APP_MAY_NOT: Final = Finding(
    Turn.ADMINISTRATOR,
    _("The app at the provider is not allowed to sign people in this way (%(code)s)."),
    _(
        "At the provider, allow the app to use the authorization code grant for web "
        "applications, and activate it if it is waiting for approval."
    ),
)
SCOPE: Final = Finding(
    Turn.ADMINISTRATOR,
    _("The app at the provider lacks a permission (scope) that we ask for (%(code)s)."),
    _(
        "At the provider, give the app the permission that the detail names, or the "
        "permissions to read the person's profile and e-mail address."
    ),
)
CONSENT: Final = Finding(
    Turn.IT_PERSON,
    _("Somebody has to give consent for the app at the provider first (%(code)s)."),
    _(
        "The customer's IT gives consent for the whole organisation, or lets people give "
        "it themselves."
    ),
)
NOT_ASSIGNED: Final = Finding(
    Turn.IT_PERSON,
    _("The person isn't allowed to use the app at the provider (%(code)s)."),
    _("The customer's IT assigns the app to the person there, or to one of their groups."),
)
SIGN_IN_THERE: Final = Finding(
    Turn.AGENT,
    _("The provider needs something from the person that it didn't ask for (%(code)s)."),
    _(
        "The person opens the provider's own page, signs in there, and starts again at the login address."
    ),
)
REQUEST: Final = Finding(
    Turn.ADMINISTRATOR,
    _("The provider says that our request is not valid (%(code)s)."),
    _(
        "Check the connector's authentication method and options, and the type of the "
        "app at the provider: a confidential web application."
    ),
)
TENANT: Final = Finding(
    Turn.ADMINISTRATOR,
    _("The provider doesn't know the tenant (%(code)s)."),
    _("Check the option “Tenant” on the connector, letter by letter."),
)
LOOK_UP: Final = Finding(
    Turn.ADMINISTRATOR,
    _("The provider signed the person in, but then refused to say who it is."),
    _(
        "At the provider, give the app the permission to read the person's profile and e-mail address."
    ),
)
TOKENS: Final = Finding(
    Turn.PROVIDER,
    _("The provider's tokens contain characters that tokens can't have, so they can't be stored."),
    _("The person tries again. If it keeps failing, the provider has to correct it."),
)
OTHER_ERROR: Final = Finding(
    Turn.ADMINISTRATOR,
    _("The provider couldn't sign the person in. See Detail for its message."),
    _(
        "The person tries again. If it keeps failing, compare the app at the provider "
        "with the connector: client ID, client secret, redirect URI, scopes."
    ),
)

ERRORS: Final[Mapping[str, Finding]] = {
    # Microsoft's numbers say more than the word beside them, so they come first.
    "AADSTS7000222": SECRET_EXPIRED,
    "AADSTS7000215": CREDENTIALS,
    "AADSTS700016": UNKNOWN_APP,
    "AADSTS50011": REPLY_URL,
    "AADSTS50105": NOT_ASSIGNED,
    "AADSTS65001": CONSENT,
    "AADSTS90094": CONSENT,
    "AADSTS90002": TENANT,
    "invalid_client": CREDENTIALS,
    "incorrect_client_credentials": CREDENTIALS,
    "bad_client_secret": CREDENTIALS,
    "invalid_client_credentials": CREDENTIALS,
    "invalid_client_secret": CREDENTIALS,
    "invalid_client_id": UNKNOWN_APP,
    "bad_client_id": UNKNOWN_APP,
    "redirect_uri_mismatch": REPLY_URL,
    "bad_redirect_uri": REPLY_URL,
    "invalid_redirect_uri": REPLY_URL,
    "unauthorized_client": APP_MAY_NOT,
    "application_suspended": APP_MAY_NOT,
    "unsupported_response_type": APP_MAY_NOT,
    "unsupported_grant_type": APP_MAY_NOT,
    "invalid_grant": GRANT,
    "invalid_code": GRANT,
    "bad_verification_code": GRANT,
    "invalid_scope": SCOPE,
    "insufficient_scope": SCOPE,
    "consent_required": CONSENT,
    "login_required": SIGN_IN_THERE,
    "interaction_required": SIGN_IN_THERE,
    "account_selection_required": SIGN_IN_THERE,
    "unverified_user_email": SIGN_IN_THERE,
    "invalid_request": REQUEST,
}
_CODES: Final = tuple((code, re.compile(rf"(?<!\w){code}(?!\w)", re.IGNORECASE)) for code in ERRORS)


def error_finding(detail: str) -> Finding:
    """What the provider refused, by the error in our own account of it."""
    for code, pattern in _CODES:
        if pattern.search(detail):
            return ERRORS[code].naming(code=code)
    if "(at the look-up of the person)" in detail:
        return LOOK_UP
    return TOKENS if "can't be kept" in detail else OTHER_ERROR
