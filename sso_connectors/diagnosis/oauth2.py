"""The failed checks of an OAUTH 2 answer, one by one, and the errors that providers name."""

import re
from collections.abc import Mapping
from typing import Final

from django.utils.translation import gettext_lazy as _

from .sentences import NONE, Finder, Finding, Topic, Turn

# --- whom the answer is from, and for --------------------------------------------------------------

ISSUER: Final = Finding(
    Turn.ADMINISTRATOR,
    _("The answer comes from %(received)s, and the connector trusts %(expected)s."),
    _(
        "Check the connector's authentication method and what it needs besides (tenant, domain, issuer). If "
        "they are right, tell whoever looks after security: one provider may pass itself off as another."
    ),
)
NO_ISSUER: Final = Finding(
    Turn.PROVIDER,
    _(
        "The provider says that its answers name it, and this one doesn't; expected is %(expected)s."
    ),
    _("The person starts again. If it goes on, the provider has to put it right."),
)
AUDIENCE: Final = Finding(
    Turn.ADMINISTRATOR,
    _(
        "The ID token is made for the client %(received)s; the connector's client ID is %(expected)s."
    ),
    _("Copy the client ID from the app at the provider into the connector."),
    Topic.CLIENT_ID,
    _("Copy “%(field)s” from the app in %(idp)s into the connector's client ID."),
)
OTHER_LOGIN: Final = Finding(
    Turn.AGENT,
    _("The answer belongs to another sign-in than this one."),
    _(
        "The person closes old sign-in pages and starts again at the login address. If it goes on, the provider "
        "doesn't pass on what we send (state, nonce)."
    ),
)

# --- the ID token --------------------------------------------------------------------------------

UNREADABLE_TOKEN: Final = Finding(
    Turn.PROVIDER,
    _("What came as ID token is none."),
    _("The person starts again. If it goes on, the provider has to put it right."),
)
ALGORITHM: Final = Finding(
    Turn.IT_PERSON,
    _("The ID token is signed by a method, or brings a key along, that is refused here."),
    _("At the provider, let the app's ID tokens be signed with RS256, by its own keys."),
)
SIGNATURE: Final = Finding(
    Turn.PROVIDER,
    _("The ID token is not signed by any key that the provider publishes."),
    _(
        "The person tries again in a minute, in case the provider has just changed its keys. If it goes on, tell "
        "the provider, and whoever looks after security."
    ),
)
OTHER_ACCESS_TOKEN: Final = Finding(
    Turn.PROVIDER,
    _("The ID token and the access token don't belong together."),
    _("The person starts again. If it goes on, the provider has to put it right."),
)
NO_SUBJECT: Final = Finding(
    Turn.PROVIDER,
    _("The provider doesn't say what it calls the person for good, or at too great length."),
    _("No setting here makes up for that: the provider has to put it right."),
)

# --- the person ----------------------------------------------------------------------------------

NO_ADDRESS: Final = Finding(
    Turn.AGENT,
    _("The provider doesn't give the person's e-mail address."),
    _(
        "The person looks whether their account there has one. If it has, the administrator gives the app the "
        "permission to read it (scope “email”)."
    ),
)
UNVERIFIED: Final = Finding(
    Turn.AGENT,
    _("The provider doesn't vouch for the person's e-mail address: %(address)s."),
    _("The person confirms that address in their account at the provider, and signs in again."),
)
UNVERIFIED_AT_OIDC: Final = Finding(
    Turn.IT_PERSON,
    _("The provider doesn't vouch for the person's e-mail address: %(address)s."),
    _(
        "At the provider, let it send email_verified. If only its administrators set addresses there, the option "
        "“Trust its e-mail addresses” on the connector will do instead."
    ),
)
UNVERIFIED_AT_GITHUB: Final = Finding(
    Turn.AGENT,
    _("GitHub doesn't vouch for the person's primary e-mail address: %(address)s."),
    _(
        "The person opens Settings, Emails at GitHub, makes the address that they have here the primary one, "
        "confirms it, and signs in again."
    ),
)
UNVERIFIED_AT_ZENDESK: Final = Finding(
    Turn.AGENT,
    _("Zendesk doesn't vouch for the person's e-mail address: %(address)s."),
    _(
        "The person confirms the address by the message that Zendesk sends, and signs in again; a Zendesk "
        "administrator can have it sent anew."
    ),
)
UNVERIFIED_AT_ZOHO: Final = Finding(
    Turn.AGENT,
    _(
        "Zoho CRM doesn't have the address as that of an active user who has confirmed it: %(address)s."
    ),
    _(
        "The person accepts the invitation to Zoho CRM and signs in again; a Zoho CRM administrator sees under "
        "Users whether it is open."
    ),
)
NO_ADDRESS_AT_HUBSPOT: Final = Finding(
    Turn.PROVIDER,
    _("HubSpot doesn't say by which address the person signs in there."),
    _("The person starts again. If it goes on, HubSpot has to put it right."),
)
INACTIVE_TOKEN: Final = Finding(
    Turn.AGENT,
    _("HubSpot says that the access it has just given has ended already."),
    _("The person starts again; nobody may take the app out of the HubSpot account meanwhile."),
)
OTHER_ACCOUNT: Final = Finding(
    Turn.AGENT,
    _(
        "The person signed in with an account of %(received)s; the connector takes those of %(expected)s."
    ),
    _(
        "The person signs out there and signs in with the account for work. If the account was right, the "
        "administrator corrects the option on the connector."
    ),
)
NO_ACCOUNT: Final = Finding(
    Turn.AGENT,
    _(
        "The provider doesn't say to which organisation the account belongs; private ones belong to none."
    ),
    _("The person signs out there and signs in with the account for work."),
)
GUEST: Final = Finding(
    Turn.IT_PERSON,
    _("The person is a guest in the tenant, and guests can't sign in: %(address)s."),
    _(
        "The customer's IT person makes them a member of the tenant, or they sign in through a connector for the "
        "tenant where they are at home."
    ),
)
NOT_GOOGLES: Final = Finding(
    Turn.AGENT,
    _("The address of the Google account belongs to neither Gmail nor a Google Workspace domain."),
    _("The agent signs in with the Google account that their company gave them."),
)
NO_OBJECT: Final = Finding(
    Turn.IT_PERSON,
    _("The ID token lacks the person's object identifier (oid)."),
    _(
        "In Microsoft Entra ID, register the app for accounts of this organisation's directory only."
    ),
)
OTHER_ZOHO_USER: Final = Finding(
    Turn.IT_PERSON,
    _("The Zoho account is not the one that Zoho CRM takes the person for."),
    _("A Zoho CRM administrator looks under Users whether this account is a user there."),
)
OTHER_ZOHO_SERVER: Final = Finding(
    Turn.PROVIDER,
    _(
        "The answer names %(received)s, which is no accounts server of Zoho's, so nothing was sent there."
    ),
    _(
        "The person starts again at the login address. If it goes on, tell whoever looks after security: somebody "
        "may be after the client secret."
    ),
)

_EMAIL_ADDRESS: Final[Mapping[str, Finding]] = {
    "oidc": UNVERIFIED_AT_OIDC,
    "github": UNVERIFIED_AT_GITHUB,
    "zendesk": UNVERIFIED_AT_ZENDESK,
    "zoho_crm": UNVERIFIED_AT_ZOHO,
    "hubspot": NO_ADDRESS_AT_HUBSPOT,
}


def email_address(method: str, received: str) -> Finding:
    """received: the address, and after a comma what is said of it."""
    address = _first(received)
    if method != "hubspot" and address in NONE:
        return NO_ADDRESS
    return _EMAIL_ADDRESS.get(method, UNVERIFIED).naming(address=address)


def _first(received: str) -> str:
    return received.partition(", ")[0]


def _account(expected: str, received: str) -> Finding:
    return NO_ACCOUNT if received in NONE or expected in {"any", ""} else OTHER_ACCOUNT


FINDERS: Final[Mapping[str, Finder]] = {
    "state": OTHER_LOGIN,
    "response issuer": lambda expected, received: NO_ISSUER if received in NONE else ISSUER,
    "issuer": ISSUER,
    "audience": AUDIENCE,
    "authorized party": AUDIENCE,
    "nonce": OTHER_LOGIN,
    "ID token": UNREADABLE_TOKEN,
    "ID token signature": lambda expected, received: (
        ALGORITHM if expected.startswith("one of ") else SIGNATURE
    ),
    "access token's hash": OTHER_ACCESS_TOKEN,
    "subject": NO_SUBJECT,
    "tenant": _account,
    "hosted domain": _account,
    "workspace": _account,
    "whose address": NOT_GOOGLES,
    "hub ID": _account,
    "member of the tenant": lambda expected, received: GUEST.naming(address=_first(received)),
    "object identifier": NO_OBJECT,
    "access token": INACTIVE_TOKEN,
    "Zoho CRM user": OTHER_ZOHO_USER,
    "accounts server": OTHER_ZOHO_SERVER,
}

# --- errors that the provider names (RFC 6749 sections 4.1.2.1 and 5.2, OpenID Connect Core 3.1.2.6) -------

CREDENTIALS: Final = Finding(
    Turn.ADMINISTRATOR,
    _("The provider doesn't take the connector's client ID and client secret (%(code)s)."),
    _("Copy both from the app at the provider anew, and paste them into the connector."),
    Topic.CLIENT_SECRET,
    _(
        "Copy the client ID and “%(field)s” from the app in %(idp)s anew, and paste them into the connector."
    ),
)
SECRET_EXPIRED: Final = Finding(
    Turn.ADMINISTRATOR,
    _("The client secret has ended at the provider (%(code)s)."),
    _("Make a new one for the app at the provider, and paste it into the connector."),
    Topic.CLIENT_SECRET,
    _("Make a new one for the app in %(idp)s (“%(field)s”), and paste it into the connector."),
)
UNKNOWN_APP: Final = Finding(
    Turn.ADMINISTRATOR,
    _("The provider doesn't know the connector's client ID (%(code)s)."),
    _("Copy the client ID from the app at the provider anew, and check tenant, domain or host."),
    Topic.CLIENT_ID,
    _("Copy “%(field)s” from the app in %(idp)s anew, and check tenant, domain or host."),
)
REPLY_URL: Final = Finding(
    Turn.ADMINISTRATOR,
    _("Our reply URL is not registered at the provider, to the letter (%(code)s)."),
    _("Register %(reply_url)s as redirect URI of the app at the provider."),
    Topic.REPLY_URL,
    _("Register %(reply_url)s in %(idp)s: %(field)s."),
)
GRANT: Final = Finding(
    Turn.AGENT,
    _("The provider doesn't take the code that it gave: used, too old, or not for us (%(code)s)."),
    _(
        "The person starts again at the login address. If it happens each time, the administrator checks client ID "
        "and reply URL of the app at the provider."
    ),
)
APP_MAY_NOT: Final = Finding(
    Turn.ADMINISTRATOR,
    _("The app at the provider is not allowed to sign people in this way (%(code)s)."),
    _(
        "At the provider, allow the app the authorization code grant for web applications, and switch it on if it "
        "waits for approval."
    ),
)
SCOPE: Final = Finding(
    Turn.ADMINISTRATOR,
    _("The app at the provider lacks a permission (scope) that is asked for (%(code)s)."),
    _(
        "At the provider, give the app the permission that the detail names, or else those to read the person's "
        "profile and e-mail address."
    ),
)
CONSENT: Final = Finding(
    Turn.IT_PERSON,
    _("Somebody has to consent to the app at the provider first (%(code)s)."),
    _(
        "The customer's IT person consents for the whole organisation, or lets people consent themselves."
    ),
)
NOT_ASSIGNED: Final = Finding(
    Turn.IT_PERSON,
    _("The person may not use the app at the provider (%(code)s)."),
    _("The customer's IT person assigns the app to the person there, or to a group of theirs."),
)
SIGN_IN_THERE: Final = Finding(
    Turn.AGENT,
    _("The provider needs something of the person that it didn't ask for (%(code)s)."),
    _(
        "The person opens the provider's own page, signs in there, and starts again at the login address."
    ),
)
REQUEST: Final = Finding(
    Turn.ADMINISTRATOR,
    _("The provider finds our request wrong (%(code)s)."),
    _(
        "Check the connector's authentication method and options, and the kind of the app at the provider: a "
        "confidential web application."
    ),
)
TENANT: Final = Finding(
    Turn.ADMINISTRATOR,
    _("The provider doesn't know the tenant (%(code)s)."),
    _("Check the option “Tenant” on the connector, letter by letter."),
)
LOOK_UP: Final = Finding(
    Turn.ADMINISTRATOR,
    _("The provider let the person sign in, and then wouldn't say who it is."),
    _(
        "At the provider, give the app the permission to read the person's profile and e-mail address."
    ),
)
TOKENS: Final = Finding(
    Turn.PROVIDER,
    _("The provider's tokens hold characters that no token has, so they can't be kept."),
    _("The person starts again. If it goes on, the provider has to put it right."),
)
OTHER_ERROR: Final = Finding(
    Turn.ADMINISTRATOR,
    _("The provider couldn't sign the person in; its words stand under the detail."),
    _(
        "The person tries again. If it goes on, compare the app at the provider with the connector: client ID, "
        "client secret, reply URL, scopes."
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
