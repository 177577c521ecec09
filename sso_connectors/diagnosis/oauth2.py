"""The failed checks of an OAUTH 2 answer, one by one."""

from collections.abc import Mapping
from typing import Final

from django.utils.translation import gettext_lazy as _

from .sentences import NONE, Finder, Finding, Topic, Turn

# --- whom the answer is from, and for --------------------------------------------------------------

ISSUER: Final = Finding(
    Turn.ADMINISTRATOR,
    _("The response comes from %(received)s, and the connector trusts %(expected)s."),
    _(
        "Check the connector's authentication method and options (tenant, domain, "
        "issuer). If they are correct, tell your security team: one provider may be "
        "passing itself off as another."
    ),
)
NO_ISSUER: Final = Finding(
    Turn.PROVIDER,
    _(
        "The provider says that it names itself in its responses, and this one doesn't; "
        "expected: %(expected)s."
    ),
    _("The person tries again. If it keeps failing, the provider has to correct it."),
)
AUDIENCE: Final = Finding(
    Turn.ADMINISTRATOR,
    _("The ID token is for the client %(received)s; the connector's client ID is %(expected)s."),
    _("Copy the client ID from the app at the provider into the connector."),
    Topic.CLIENT_ID,
    _("Copy “%(field)s” from the app in %(idp)s into the connector's client ID."),
)
OTHER_LOGIN: Final = Finding(
    Turn.AGENT,
    _("The response belongs to a different sign-in."),
    _(
        "The person closes old sign-in pages and starts again at the login address. If "
        "it keeps failing, the provider doesn't return what we send (state, nonce)."
    ),
)

# --- the ID token --------------------------------------------------------------------------------

UNREADABLE_TOKEN: Final = Finding(
    Turn.PROVIDER,
    _("The ID token is not valid."),
    _("The person tries again. If it keeps failing, the provider has to correct it."),
)
ALGORITHM: Final = Finding(
    Turn.IT_PERSON,
    _("The ID token is signed with a method that is not accepted, or contains its own key."),
    _("At the provider, have the app's ID tokens signed with RS256, by its own keys."),
)
SIGNATURE: Final = Finding(
    Turn.PROVIDER,
    _("The ID token is not signed by any key that the provider publishes."),
    _(
        "The person tries again in a minute, in case the provider has just changed its "
        "keys. If it keeps failing, tell the provider and your security team."
    ),
)
OTHER_ACCESS_TOKEN: Final = Finding(
    Turn.PROVIDER,
    _("The ID token and the access token don't belong together."),
    _("The person tries again. If it keeps failing, the provider has to correct it."),
)
NO_SUBJECT: Final = Finding(
    Turn.PROVIDER,
    _("The provider sends no permanent ID for the person, or one that is too long."),
    _("No setting here can fix this. The provider has to correct it."),
)

# --- the person ----------------------------------------------------------------------------------

NO_ADDRESS: Final = Finding(
    Turn.AGENT,
    _("The provider doesn't send the person's e-mail address."),
    _(
        "The person checks whether their account there has an address. If it does, the "
        "administrator gives the app the permission to read it (scope “email”)."
    ),
)
UNVERIFIED: Final = Finding(
    Turn.AGENT,
    _("The provider doesn't confirm the person's e-mail address: %(address)s."),
    _("The person confirms that address in their account at the provider, and signs in again."),
)
UNVERIFIED_AT_OIDC: Final = Finding(
    Turn.IT_PERSON,
    _("The provider doesn't confirm the person's e-mail address: %(address)s."),
    _(
        "Configure the provider to send email_verified. If only its administrators can "
        "set addresses there, you can select “Trust its e-mail addresses” on the "
        "connector instead."
    ),
)
UNVERIFIED_AT_GITHUB: Final = Finding(
    Turn.AGENT,
    _("GitHub doesn't confirm the person's primary e-mail address: %(address)s."),
    _(
        "The person opens Settings, Emails at GitHub, makes the address that they have here the primary one, "
        "confirms it, and signs in again."
    ),
)
UNVERIFIED_AT_ZENDESK: Final = Finding(
    Turn.AGENT,
    _("Zendesk doesn't confirm the person's e-mail address: %(address)s."),
    _(
        "The person confirms the address with the message that Zendesk sends, and signs "
        "in again. A Zendesk administrator can send it again."
    ),
)
UNVERIFIED_AT_ZOHO: Final = Finding(
    Turn.AGENT,
    _("In Zoho CRM, this is not the address of an active user who has confirmed it: %(address)s."),
    _(
        "The person accepts the invitation to Zoho CRM and signs in again. A Zoho CRM "
        "administrator can see under Users whether it is still open."
    ),
)
NO_ADDRESS_AT_HUBSPOT: Final = Finding(
    Turn.PROVIDER,
    _("HubSpot doesn't say which address the person signs in with."),
    _("The person tries again. If it keeps failing, HubSpot has to correct it."),
)
INACTIVE_TOKEN: Final = Finding(
    Turn.AGENT,
    _("HubSpot says that the access it just gave has already ended."),
    _(
        "The person tries again. Nobody may remove the app from the HubSpot account in "
        "the meantime."
    ),
)
OTHER_ACCOUNT: Final = Finding(
    Turn.AGENT,
    _(
        "The person signed in with an account of %(received)s; the connector accepts "
        "accounts of %(expected)s."
    ),
    _(
        "The person signs out there and signs in with their work account. If the account "
        "was right, the administrator corrects the option on the connector."
    ),
)
NO_ACCOUNT: Final = Finding(
    Turn.AGENT,
    _(
        "The provider doesn't say which organisation the account belongs to. Private "
        "accounts belong to none."
    ),
    _("The person signs out there and signs in with their work account."),
)
GUEST: Final = Finding(
    Turn.IT_PERSON,
    _("The person is a guest in the tenant, and guests can't sign in: %(address)s."),
    _(
        "The customer's IT makes them a member of the tenant, or they sign in through a "
        "connector for their own tenant."
    ),
)
NOT_GOOGLES: Final = Finding(
    Turn.AGENT,
    _("The Google account's address is neither in Gmail nor in a Google Workspace domain."),
    _("The agent signs in with the Google account that their company provided."),
)
NO_OBJECT: Final = Finding(
    Turn.IT_PERSON,
    _("The ID token lacks the person's object identifier (oid)."),
    _(
        "In Microsoft Entra ID, register the app for accounts in this organizational "
        "directory only."
    ),
)
OTHER_ZOHO_USER: Final = Finding(
    Turn.IT_PERSON,
    _("The Zoho account is not the one that Zoho CRM has for this person."),
    _("A Zoho CRM administrator checks under Users whether this account is a user there."),
)
OTHER_ZOHO_SERVER: Final = Finding(
    Turn.PROVIDER,
    _(
        "The response names %(received)s, which is not a Zoho accounts server, so "
        "nothing was sent there."
    ),
    _(
        "The person starts again at the login address. If it keeps failing, tell your "
        "security team: somebody may be trying to obtain the client secret."
    ),
)

NO_USER: Final = Finding(
    Turn.AGENT,
    _("The person's account there isn't a work account, or is suspended: %(received)s."),
    _(
        "The person signs out there and signs in with their work account. If the account "
        "was right, an administrator there checks its status and role."
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


OTHER_REDIRECT_URI: Final = Finding(
    Turn.ADMINISTRATOR,
    _(
        "The response arrived at %(received)s, but this sign-in started with the "
        "redirect URI %(expected)s."
    ),
    _(
        "Register %(redirect_uri)s at the provider, and no other address for this app. If it keeps "
        "happening, tell your security team: somebody may be redirecting the responses of one connector to another."
    ),
)
UNNAMED_AT_SHARED: Final = Finding(
    Turn.ADMINISTRATOR,
    _(
        "The response doesn't say which provider sent it (iss). This is required when "
        "the customer runs the server and the redirect URI is shared with other "
        "connectors."
    ),
    _(
        "Register %(own_redirect_uri)s as a redirect URI of the app at the provider, "
        "then set the connector's “Kind of redirect URI” to “its own (recommended)”."
    ),
)

FINDERS: Final[Mapping[str, Finder]] = {
    "state": OTHER_LOGIN,
    "response issuer": lambda expected, received: NO_ISSUER if received in NONE else ISSUER,
    "issuer at a shared redirect URI": UNNAMED_AT_SHARED,
    "redirect URI": OTHER_REDIRECT_URI,
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
    "organisation": _account,
    "Salesforce user": NO_USER,
    "Zendesk user": NO_USER,
    "GitHub user": NO_USER,
    "accounts server": OTHER_ZOHO_SERVER,
}
