"""One sentence for each code of errors.py, where no failed check says more."""

from collections.abc import Callable, Mapping
from typing import Final

from django.utils.translation import gettext_lazy as _

from ..models import Connector
from .admission import UNLINKED_MEANWHILE
from .oauth2_errors import error_finding
from .sentences import Finding, Topic, Turn

UNKNOWN_CONNECTOR: Final = Finding(
    Turn.ADMINISTRATOR,
    _(
        "Somebody opened a login address with the reference “%(reference)s”, but no "
        "connector has this reference."
    ),
    _(
        "Copy the login address from the connector's menu and share it again. If the "
        "reference was changed, the old address no longer works."
    ),
)
INCOMPLETE: Final = Finding(
    Turn.ADMINISTRATOR,
    _("The connector is a draft: a required field is missing."),
    _(
        "Fill in the fields that the form marks as required, test the sign-in, and "
        "enable the connector."
    ),
)
WITHOUT_TENANT: Final = Finding(
    Turn.ADMINISTRATOR,
    _(
        "The connector doesn't say which organisation's people can sign in. Missing "
        "option: %(options)s. Without it, anyone who runs another organisation at the "
        "provider could pass for one of your users."
    ),
    _(
        "Enter it in the connector's form, which says where to find the value, and save. "
        "The login address and the client secret stay the same."
    ),
)
DISABLED: Final = Finding(
    Turn.ADMINISTRATOR,
    _("The connector is disabled, so nobody can sign in through it."),
    _("To let agents sign in through it, enable the connector."),
)
DELETED: Final = Finding(
    Turn.ADMINISTRATOR,
    _("The connector was deleted during the sign-in, or later."),
    _("Give the person the login address of the connector that replaced it."),
)
READY_BY_NOW: Final = Finding(
    Turn.AGENT,
    _("The connector was a draft or disabled at the time. It is enabled now."),
    _("The person starts again at the login address."),
)
TOO_MANY_STARTS: Final = Finding(
    Turn.OPERATOR,
    _("More sign-ins were started from one network address in one minute than is allowed."),
    _(
        "The person tries again in a minute. If it keeps failing, the operator checks "
        "that TRUSTED_PROXIES names our proxy. Without it, all agents appear to have one "
        "address."
    ),
)
BAD_MESSAGE: Final = Finding(
    Turn.AGENT,
    _("What arrived at the reply URL is not an identity provider's response."),
    _(
        "The person starts again at the login address. The reply URL can't be opened by "
        "hand. If it keeps failing, the customer's IT reads the detail: something "
        "changes or truncates the response on its way."
    ),
)
HAS_COMMENT: Final = Finding(
    Turn.IT_PERSON,
    _("The response contains an XML comment or processing instruction, which is not accepted."),
    _(
        "The customer's IT looks for a setting that leaves it out, or asks the identity "
        "provider's vendor."
    ),
)
OTHER_ENCODING: Final = Finding(
    Turn.IT_PERSON,
    _("The response is not declared as UTF-8, and no other encoding is accepted."),
    _("At the identity provider, choose UTF-8, or ask its vendor."),
)
CHANGED_MEANWHILE: Final = Finding(
    Turn.AGENT,
    _("The connector's trust settings were changed during the sign-in."),
    _("The person starts again at the login address."),
)
NOBODYS_ANSWER: Final = Finding(
    Turn.ADMINISTRATOR,
    _(
        "A response arrived that nobody had requested, and no enabled connector trusts "
        "both its issuer and its key."
    ),
    _(
        "If it came from a link on the identity provider's dashboard, check the Issuer "
        "URL and the Certificate of the connector concerned. People can always start at "
        "the login address."
    ),
)
OTHER_DISCOVERY: Final = Finding(
    Turn.ADMINISTRATOR,
    _(
        "The provider's discovery document names a different issuer from the one that "
        "the connector trusts."
    ),
    _(
        "Compare the two values in the detail. If the first belongs to the customer, set "
        "the connector's option (issuer, tenant or domain) to match it, letter by letter."
    ),
)
OTHER_PERSON: Final = Finding(
    Turn.PROVIDER,
    _("We asked the provider who signed in, and it named another person."),
    _("The person tries again. If it keeps failing, the provider has to correct it."),
)
REFUSED: Final = Finding(
    Turn.ADMINISTRATOR,
    _("Response rejected. See Detail."),
    _(
        "The person tries again. If it keeps failing, compare the connector with the "
        "identity provider's settings."
    ),
)
NOT_PUBLIC: Final = Finding(
    Turn.OPERATOR,
    _(
        "The provider's host has an address in the internal network, which the server "
        "may not contact."
    ),
    _(
        "If this is the company's own identity provider, the operator adds its host to "
        "PRIVATE_IDP_HOSTS."
    ),
)
NO_SUCH_HOST: Final = Finding(
    Turn.ADMINISTRATOR,
    _("The provider's host can't be found."),
    _(
        "Check the host, domain or subdomain on the connector, letter by letter. If it "
        "is correct, the operator checks the server's DNS."
    ),
)
UNTRUSTED_TLS: Final = Finding(
    Turn.IT_PERSON,
    _("The provider's host has a TLS certificate that isn't trusted."),
    _(
        "Ask the customer's IT to renew the host's TLS certificate, with the full chain, "
        "from a public authority."
    ),
)
REDIRECTS: Final = Finding(
    Turn.ADMINISTRATOR,
    _("The provider's host redirects to another address. We don't follow redirects."),
    _("Set the connector's host, domain or issuer to the provider's real address."),
)
AWAY: Final = Finding(
    Turn.PROVIDER,
    _("The identity provider didn't respond, or not correctly."),
    _(
        "The person tries again in a moment. If it keeps failing, check the provider's "
        "status page; the operator checks that our server can reach it."
    ),
)
DECLINED: Final = Finding(
    Turn.AGENT,
    _("Sign-in was cancelled at the provider, or its page was closed."),
    _(
        "The person tries again and accepts. If they weren't asked, the customer's IT "
        "checks whether the provider lets them use the app."
    ),
)
SECRET_UNREADABLE: Final = Finding(
    Turn.OPERATOR,
    _("The connector's client secret can't be read: the key that encrypted it is gone."),
    _(
        "The operator restores the missing key in FIELD_ENCRYPTION_KEYS. If it is lost, "
        "an administrator enters the client secret again."
    ),
)
NO_SUCH_LOGIN: Final = Finding(
    Turn.AGENT,
    _("The sign-in was already finished, took too long, or was started in another browser."),
    _(
        "The person starts again at the login address, in one browser with cookies "
        "allowed, and finishes within ten minutes."
    ),
)
ALREADY_USED: Final = Finding(
    Turn.AGENT,
    _(
        "The response had already been used, by a second click or the Back button, or "
        "arrived too late."
    ),
    _("The person starts again at the login address."),
)
UNSOLICITED_AGAIN: Final = Finding(
    Turn.IT_PERSON,
    _(
        "The identity provider responds without naming our request (InResponseTo), even "
        "right after our request."
    ),
    _(
        "Check that the connector's Endpoint is the sign-on address for requests that "
        "start here, not an embed link or dashboard link. At the identity provider, make "
        "sure that it responds to the request it receives."
    ),
)
NOT_ADMITTED: Final = Finding(
    Turn.ADMINISTRATOR,
    _("No active user linked to this connector has the name that the identity provider sent."),
    _(
        "See the checks for that name. If it is correct, link the user on the "
        "connector's “Users” tab."
    ),
)
UNKNOWN_CAUSE: Final = Finding(
    Turn.ADMINISTRATOR,
    _("The sign-in failed. See Detail for the reason (%(cause)s)."),
    _("The person tries again. If it keeps failing, the operator checks the log."),
)
NEVER_CAME_BACK: Final = Finding(
    Turn.IT_PERSON,
    _("The person went to the identity provider and never came back. Its page says why."),
    _(
        "Most often the person isn't allowed to use the application there, or our "
        "Identity (Entity ID) or Reply URL (ACS) isn't registered there, letter by "
        "letter. Ask the person what the page says."
    ),
    Topic.IDENTITY,
    _(
        "Most often the person isn't allowed to use the application in %(idp)s, or "
        "“%(field)s” there doesn't match our Identity (Entity ID), letter by letter. Ask "
        "the person what the page says."
    ),
)
NEVER_CAME_BACK_OAUTH2: Final = Finding(
    Turn.IT_PERSON,
    _("The person went to the identity provider and never came back. Its page says why."),
    _(
        "Most often our redirect URI isn't registered there, letter by letter: "
        "%(redirect_uri)s. If one of these is already registered there, choose it as the "
        "connector's “Kind of redirect URI”: %(other_redirect_uris)s."
    ),
)
UNDER_WAY: Final = Finding(
    Turn.AGENT,
    _("The person is on the identity provider's page."),
    _("They sign in there. The sign-in must finish within ten minutes."),
)
TEST_PASSED: Final = Finding(
    Turn.NOBODY,
    _("Test passed. The person would be signed in."),
    _("No action is needed."),
)
TEST_PASSED_DISABLED: Final = Finding(
    Turn.ADMINISTRATOR,
    _("Test passed. The person can sign in once the connector is enabled."),
    _("Enable it on its page."),
)
TEST_WITHOUT_PERSON: Final = Finding(
    Turn.ADMINISTRATOR,
    _("Test passed. The connector and the identity provider work together."),
    _("However, this person would not be signed in."),
)
SIGNED_IN: Final = Finding(Turn.NOBODY, _("Signed in."), _("No action is needed."))


def _by(phrases: Mapping[str, Finding], otherwise: Finding) -> Callable[[str], Finding]:
    """By words of our own in the detail, the first that are in it."""

    def find(detail: str) -> Finding:
        return next((phrases[phrase] for phrase in phrases if phrase in detail), otherwise)

    return find


# Of those whose detail decides.
_BY_DETAIL: Final[Mapping[str, Callable[[str], Finding]]] = {
    "response_refused": _by(
        {
            "The connector no longer trusts the key": CHANGED_MEANWHILE,
            "The connector trusts another provider or app by now": CHANGED_MEANWHILE,
            "It answers no login under way": NOBODYS_ANSWER,
            "The discovery document says": OTHER_DISCOVERY,
            "The userinfo endpoint doesn't answer for": OTHER_PERSON,
        },
        REFUSED,
    ),
    "identity_provider_away": _by(
        {
            "which is not public": NOT_PUBLIC,
            "can't be found in the DNS": NO_SUCH_HOST,
            "has a certificate that isn't trusted": UNTRUSTED_TLS,
            "answers with a redirect": REDIRECTS,
        },
        AWAY,
    ),
    "bad_message": _by(
        {
            "It has a comment or processing instruction": HAS_COMMENT,
            "it must be UTF-8": OTHER_ENCODING,
            "It is not UTF-8 text": OTHER_ENCODING,
        },
        BAD_MESSAGE,
    ),
    "not_admitted": _by({"The user was unlinked meanwhile": UNLINKED_MEANWHILE}, NOT_ADMITTED),
    "identity_provider_error": error_finding,
}
_PLAIN: Final[Mapping[str, Finding]] = {
    "unknown_connector": UNKNOWN_CONNECTOR,
    "too_many_starts": TOO_MANY_STARTS,
    "declined": DECLINED,
    "secret_unreadable": SECRET_UNREADABLE,
    "no_such_login": NO_SUCH_LOGIN,
    "already_used": ALREADY_USED,
    "unsolicited_again": UNSOLICITED_AGAIN,
}
# Whose code is known here; the others are answered by UNKNOWN_CAUSE.
CAUSES: Final = frozenset({*_BY_DETAIL, *_PLAIN, "connector_not_ready"})


def cause_finding(
    cause: str, detail: str, *, connector: Connector | None, reference: str
) -> Finding:
    """Why a login ended. connector, reference: the attempt's, whose connector may be gone."""
    if cause == "connector_not_ready":
        return _not_ready(connector)
    if cause in _BY_DETAIL:
        return _BY_DETAIL[cause](detail)
    return _PLAIN.get(cause, UNKNOWN_CAUSE).naming(reference=reference, cause=cause)


def _not_ready(connector: Connector | None) -> Finding:
    if connector is None:
        return DELETED
    if connector.enabled and connector.missing_options:
        return WITHOUT_TENANT.naming(options=", ".join(connector.missing_options))
    if connector.missing():
        return INCOMPLETE
    return READY_BY_NOW if connector.enabled else DISABLED
