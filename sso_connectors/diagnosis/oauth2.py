"""The failed checks of an OAUTH 2 answer, one by one."""

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

NO_USER: Final = Finding(
    Turn.AGENT,
    _("The person has no account for work there, or a suspended one: %(received)s."),
    _(
        "The person signs out there and signs in with the account for work. If that is the one, an "
        "administrator there looks at its state and role."
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
        "The response came to %(received)s, but this sign-in was started with the redirect URI %(expected)s."
    ),
    _(
        "Register %(redirect_uri)s at the provider, and no other address for this app. If it keeps "
        "happening, tell your security team: somebody may be redirecting the responses of one connector to another."
    ),
)
UNNAMED_AT_SHARED: Final = Finding(
    Turn.ADMINISTRATOR,
    _(
        "The response doesn't say which provider sent it (iss). That is required where the customer runs the "
        "server and the redirect URI is shared with other connectors."
    ),
    _(
        "Register %(own_redirect_uri)s as a redirect URI of the app at the provider, then set Redirect URI on the "
        "connector to its own."
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
