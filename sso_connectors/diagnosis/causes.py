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
        "Somebody opened a login address with the reference “%(reference)s”, which no connector has."
    ),
    _(
        "Copy the login address from the connector's menu and share it anew; where the reference was changed, the "
        "old address leads nowhere."
    ),
)
INCOMPLETE: Final = Finding(
    Turn.ADMINISTRATOR,
    _("The connector is a draft: something required is missing."),
    _("Fill in what its form marks as required, test the sign-in, and enable the connector."),
)
WITHOUT_TENANT: Final = Finding(
    Turn.ADMINISTRATOR,
    _(
        "The connector doesn't say whose people may sign in: it lacks the option %(options)s, without which "
        "whoever runs another organisation there could name themselves as one of yours."
    ),
    _(
        "Fill it in on the connector's form, which says where its value stands, and save. The login address "
        "stays the same, and so does the client secret."
    ),
)
DISABLED: Final = Finding(
    Turn.ADMINISTRATOR,
    _("The connector is disabled, so nobody signs in through it."),
    _("If agents shall sign in through it, enable the connector."),
)
DELETED: Final = Finding(
    Turn.ADMINISTRATOR,
    _("The connector was deleted while the person signed in, or since."),
    _("Give the person the login address of the connector that took its place."),
)
READY_BY_NOW: Final = Finding(
    Turn.AGENT,
    _("The connector was a draft or disabled then, and is enabled by now."),
    _("The person starts again at the login address."),
)
TOO_MANY_STARTS: Final = Finding(
    Turn.OPERATOR,
    _("More sign-ins began at one network address within a minute than are allowed."),
    _(
        "The person tries again in a minute. If it goes on, the operator checks that TRUSTED_PROXIES names our "
        "proxy, since otherwise all agents look like one address."
    ),
)
BAD_MESSAGE: Final = Finding(
    Turn.AGENT,
    _("What came to the reply URL is not the answer of an identity provider."),
    _(
        "The person starts again at the login address, since the reply URL can't be opened by hand. If it goes "
        "on, the customer's IT person reads the detail: something changes or cuts the answer on its way."
    ),
)
HAS_COMMENT: Final = Finding(
    Turn.IT_PERSON,
    _("The response has an XML comment or processing instruction, which is not accepted."),
    _(
        "The customer's IT person looks for a setting that leaves it out, or asks the vendor of the identity "
        "provider."
    ),
)
OTHER_ENCODING: Final = Finding(
    Turn.IT_PERSON,
    _("The response is not declared as UTF-8, and no other encoding is accepted."),
    _("At the identity provider, choose UTF-8, or ask its vendor."),
)
CHANGED_MEANWHILE: Final = Finding(
    Turn.AGENT,
    _("What the connector trusts was changed while the person signed in."),
    _("The person starts again at the login address."),
)
NOBODYS_ANSWER: Final = Finding(
    Turn.ADMINISTRATOR,
    _(
        "An answer came that nobody had asked for, and no enabled connector trusts both its issuer and its key."
    ),
    _(
        "If it came from a tile on the identity provider's dashboard, check the Issuer URL and the Certificate of "
        "the connector meant; people can always start at the login address."
    ),
)
OTHER_DISCOVERY: Final = Finding(
    Turn.ADMINISTRATOR,
    _("The provider's discovery document names another issuer than the connector trusts."),
    _(
        "Compare the two in the detail. If the first is the customer's, set the connector's option (issuer, tenant "
        "or domain) so that it fits, letter by letter."
    ),
)
OTHER_PERSON: Final = Finding(
    Turn.PROVIDER,
    _("The provider was asked who signed in, and answered for somebody else."),
    _("The person starts again. If it goes on, the provider has to put it right."),
)
REFUSED: Final = Finding(
    Turn.ADMINISTRATOR,
    _("The answer was refused; why, stands under the detail."),
    _(
        "The person starts again. If it goes on, compare the connector with the identity provider's settings."
    ),
)
NOT_PUBLIC: Final = Finding(
    Turn.OPERATOR,
    _("The provider's host has an address inside the network, where the server may not go."),
    _(
        "If it is the company's own identity provider, the operator adds its host to PRIVATE_IDP_HOSTS."
    ),
)
NO_SUCH_HOST: Final = Finding(
    Turn.ADMINISTRATOR,
    _("The provider's host can't be found."),
    _(
        "Check the host, domain or subdomain on the connector, letter by letter. If it is right, the operator looks "
        "at the server's DNS."
    ),
)
UNTRUSTED_TLS: Final = Finding(
    Turn.IT_PERSON,
    _("The provider's host shows a TLS certificate that isn't trusted."),
    _(
        "The customer's IT person renews the host's certificate, with the whole chain, by a public authority."
    ),
)
REDIRECTS: Final = Finding(
    Turn.ADMINISTRATOR,
    _("The provider's host sends us on to another address, where we don't go."),
    _("Set the connector's host, domain or issuer to the address where the provider really is."),
)
AWAY: Final = Finding(
    Turn.PROVIDER,
    _("The identity provider didn't answer, or not properly."),
    _(
        "The person tries again in a moment. If it goes on, look at the provider's status page; the operator checks "
        "that our server reaches it."
    ),
)
DECLINED: Final = Finding(
    Turn.AGENT,
    _("The person said no at the provider, or closed its page."),
    _(
        "They start again and say yes. If they weren't asked at all, the customer's IT person looks whether the "
        "provider lets them use the app."
    ),
)
SECRET_UNREADABLE: Final = Finding(
    Turn.OPERATOR,
    _("The connector's client secret can't be read: the key that encrypted it is gone."),
    _(
        "The operator brings the lost key back into FIELD_ENCRYPTION_KEYS. If it is lost for good, the "
        "administrator types the client secret anew."
    ),
)
NO_SUCH_LOGIN: Final = Finding(
    Turn.AGENT,
    _("The sign-in was over already, took too long, or began in another browser."),
    _(
        "The person starts again at the login address, in one browser, with its cookies allowed, and finishes "
        "within ten minutes."
    ),
)
ALREADY_USED: Final = Finding(
    Turn.AGENT,
    _("The answer had been used already, by a second click or the Back button, or came too late."),
    _("The person starts again at the login address."),
)
UNSOLICITED_AGAIN: Final = Finding(
    Turn.IT_PERSON,
    _(
        "The identity provider answers without naming our request (InResponseTo), also right after we asked."
    ),
    _(
        "Check that the connector's Endpoint is the address for sign-ins that start here, and not an embed link or "
        "a tile's; at the identity provider, let it answer the request that it gets."
    ),
)
NOT_ADMITTED: Final = Finding(
    Turn.ADMINISTRATOR,
    _("No active user linked to this connector has the name that the identity provider gave."),
    _(
        "Look under the checks which name that is. If it is right, link the user on the connector's tab “Users”."
    ),
)
UNKNOWN_CAUSE: Final = Finding(
    Turn.ADMINISTRATOR,
    _("The sign-in failed; why, stands under the detail (%(cause)s)."),
    _("The person starts again. If it goes on, the operator looks into the log."),
)
NEVER_CAME_BACK: Final = Finding(
    Turn.IT_PERSON,
    _("The person went to the identity provider and never came back; its own page says why."),
    _(
        "Most often the person may not use the application there, or our Identity (Entity ID) or Reply URL (ACS) "
        "isn't registered, letter by letter. Ask the person what the page says."
    ),
    Topic.IDENTITY,
    _(
        "Most often the person may not use the application in %(idp)s, or “%(field)s” there isn't our Identity "
        "(Entity ID), letter by letter. Ask the person what the page says."
    ),
)
NEVER_CAME_BACK_OAUTH2: Final = Finding(
    Turn.IT_PERSON,
    _("The person went to the identity provider and never came back; its own page says why."),
    _(
        "Most often our redirect URI isn't registered there, letter by letter: %(redirect_uri)s. If one of "
        "%(other_redirect_uris)s is registered there already, choose it as Redirect URI on the connector."
    ),
)
UNDER_WAY: Final = Finding(
    Turn.AGENT,
    _("The person is at the identity provider's page just now."),
    _("They sign in there; ten minutes after the start it is too late."),
)
TEST_PASSED: Final = Finding(
    Turn.NOBODY,
    _("The test went well: the person would have been signed in."),
    _("Nothing is to be done."),
)
TEST_PASSED_DISABLED: Final = Finding(
    Turn.ADMINISTRATOR,
    _("The test went well: the person can sign in once the connector is enabled."),
    _("Enable it on its own page."),
)
TEST_WITHOUT_PERSON: Final = Finding(
    Turn.ADMINISTRATOR,
    _("The test went well, so connector and identity provider fit."),
    _("This person would not have been signed in, though."),
)
SIGNED_IN: Final = Finding(Turn.NOBODY, _("The sign-in went well."), _("Nothing is to be done."))


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
