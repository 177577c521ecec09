"""The whole story of a login, from the login address to the session, readable top to bottom.

    begin_login()     login address -> pending login -> the identity provider
    receive_answer()  its POST, in which the browser sends no cookies -> verified, kept, one handle
    complete_login()  the handle, or an answer that came as a GET, with the browser's cookie
                      -> linked_user() -> session

Whatever ends a login raises a LoginError, whose `attempt` keeps the whole reason.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from urllib.parse import urlencode

from django.core import signing
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.urls import reverse

from users.models import User

from .. import addresses
from ..models import Connector, Link
from ..models.attempt import Attempt, Purpose
from ..models.pending_login import ASK_AGAIN, HANDLE_LIFETIME, PendingLogin, browser_mark
from ..network import exchanges
from ..protocols import PROTOCOLS, Answer, Departure
from ..results.checks import Checks, as_text
from ..results.errors import (
    AlreadyUsed,
    BadMessage,
    ConnectorNotReady,
    IdentityProviderAway,
    IdentityProviderError,
    LoginError,
    NoSuchLogin,
    NotAdmitted,
    ResponseRefused,
    SecretUnreadable,
    UnknownConnector,
    UnsolicitedAgain,
)
from ..results.identity import Identity
from .admission import linked_user, note_sign_in
from .connector_state import note_failed, note_passed, note_used
from .sessions import start_session
from .throttle import brake, due
from .turns import Turn, last_wait_fails

_UNSOLICITED_SALT = "sso_connectors.unsolicited"


def begin_login(
    request: HttpRequest, *, reference: str, next_path: str, browser: str, ask_again: bool = False
) -> Departure:
    """Start a login of `browser` through the connector of that reference; return where to go.

    ask_again: the person asks to be asked for the password, where the identity provider can do that.

    Raises TooManyStarts, UnknownConnector or ConnectorNotReady, and HostBusy when the agent is to come again.
    """
    brake(request, what="start")
    attempt = Attempt(connector_reference=as_text(reference, limit=100))
    with _recording(attempt):
        connector = _connector(reference)
        attempt.connector, attempt.connector_reference = connector, connector.reference
        if not connector.signs_in:
            raise ConnectorNotReady(_why_not_ready(connector))
        with last_wait_fails(request):
            return _depart(
                connector,
                attempt,
                browser=browser,
                next=addresses.safe_next(next_path),
                asked={ASK_AGAIN: True} if ask_again and can_ask_again(connector) else {},
            )


def can_ask_again(connector: Connector) -> bool:
    return PROTOCOLS[connector.type].can_ask_again(connector)


def begin_test(connector: Connector, *, starter: User, browser: str) -> Departure:
    """Start a test sign-in, which goes the very same way and ends before the session.

    The connector may still be disabled. Raises ConnectorNotReady or what the protocol raises.
    """
    attempt = Attempt(
        connector=connector,
        connector_reference=connector.reference,
        purpose=Purpose.TEST,
        starter=starter,
    )
    with _recording(attempt):
        if connector.missing():
            raise ConnectorNotReady(_why_not_ready(connector))
        with last_wait_fails():
            return _depart(connector, attempt, browser=browser, is_test=True)


def receive_answer(request: HttpRequest) -> dict[str, str]:
    """Verify what an identity provider posted; return the query of the GET that goes on from here.

    No cookie is read or set: this POST comes from another site, without our cookies, and one set now
    would replace that of somebody who is signed in.
    """
    brake(request, what="answer")
    with _recording(Attempt()) as record:
        answer = _read(request)
        pending = answer.find_pending()
        if pending is None:
            return _answers_nothing(answer)
        record.attempt = pending.attempt
        record.attempt.counts = False  # unless this answer does, whatever came before it
        _check_place(request, pending, record.checks)
        handle = pending.answer_with(answer.examine(pending, record.checks), record.checks)
        if handle is None:
            raise AlreadyUsed("An answer to this request has been taken already, or time is up.")
    return {"handle": handle}


@dataclass(frozen=True)
class Finished:
    """Where the browser goes on to, and the connector it signed in through: none after a test."""

    onward: str
    connector: Connector | None = None


def complete_login(request: HttpRequest, *, browser: str | None) -> Finished:
    """Claim the answered login of this browser, and start its session; return where to go.

    What may have changed since the answer was verified is checked again. Raises LoginError, and HostBusy, with
    the login still unclaimed, when the browser is to come again.
    """
    brake(request, what="finish")
    with ExitStack() as held, _recording(Attempt()) as record:
        turn = Turn(request, held)
        pending = _claim(request, browser, turn) if browser else None
        if pending is None:
            raise NoSuchLogin("It has been used, has expired, or began in another browser.")
        record.attempt, record.checks = pending.attempt, pending.checks
        record.attempt.counts = True
        if "handle" not in request.GET:  # else it was looked at when the answer was posted
            _check_place(request, pending, record.checks)
        connector, protocol = pending.connector, PROTOCOLS[pending.connector.type]
        if connector.missing() or not (connector.enabled or pending.is_test):
            raise ConnectorNotReady(f"The connector is {connector.state.value} by now.")
        turn.must_have_come()
        identity = protocol.conclude(pending, record.checks)
        record.attempt.username = as_text(identity.username, limit=253)
        if pending.is_test:
            return Finished(_end_test(connector, identity, record))
        link = _admit(connector, identity, record.checks)
    start_session(request, link, identity)
    record.attempt.succeed(link.user, record.checks)
    note_sign_in(link)
    note_used(connector, identity)
    note_passed(connector)
    return Finished(addresses.safe_next(pending.next) or "/", connector)


def _admit(connector: Connector, identity: Identity, checks: Checks) -> Link:
    """Find the link that admits the person, and keep what they bring along, both or neither.

    Tokens that can't be kept end the login, and a permanent ID must not be remembered from one that was refused:
    the right person would be kept out by it. Raises LoginError.
    """
    with transaction.atomic() if identity.grant else nullcontext():
        link = linked_user(connector, identity, checks)
        PROTOCOLS[connector.type].admitted(link, identity)
    return link


def _end_test(connector: Connector, identity: Identity, record: "_Record") -> str:
    """Look whom it would have signed in, writing nothing about them; return where the result is."""
    user = None
    with suppress(NotAdmitted):  # the checks say why, and the identity is proved all the same
        user = linked_user(connector, identity, record.checks, is_test=True).user
    record.attempt.succeed(user, record.checks, claims=identity.claims)
    note_passed(connector)
    return result_address(record.attempt)


def result_address(attempt: Attempt) -> str:
    return reverse("admin:sso_connectors_attempt_change", args=[attempt.pk])


def begin_again(request: HttpRequest, *, token: str, browser: str) -> Departure | list[Connector]:
    """After a verified answer to nothing that we asked: ask, at the connector that it came from.

    Where several connectors trust its key, return them, for the person to choose. Once per browser
    and connector in two minutes, so that an identity provider that never answers *our* requests
    can't send the browser in circles. Raises LoginError.
    """
    brake(request, what="start")
    attempt = Attempt()
    with _recording(attempt):
        try:
            keys = signing.loads(token, salt=_UNSOLICITED_SALT, max_age=HANDLE_LIFETIME)
        except signing.BadSignature as error:
            raise NoSuchLogin("The answer that led here is too old.") from error
        connectors = list(Connector.objects.filter(pk__in=keys, enabled=True))
        if not connectors:
            raise ConnectorNotReady("The connector is disabled by now.")
        if len(connectors) > 1:
            return connectors
        (connector,) = connectors
        attempt.connector, attempt.connector_reference = connector, connector.reference
        if PendingLogin.began_unsolicited(browser=browser, connector_id=connector.pk):
            raise UnsolicitedAgain(
                "The identity provider answers without naming our request (InResponseTo). "
                "Let it answer the request it gets, or let people start at the login address."
            )
        return _depart(connector, attempt, browser=browser, unsolicited=True)


def _connector(reference: str) -> Connector:
    connector = next(iter(Connector.objects.by_reference(reference)), None)
    if connector is None:
        raise UnknownConnector("No connector has this reference.")
    return connector


def _why_not_ready(connector: Connector) -> str:
    missing = "".join(f" It lacks the option {name}." for name in connector.missing_options)
    return f"The connector is {connector.state.value}.{missing}"


def _depart(connector: Connector, attempt: Attempt, *, browser: str, **fields: object) -> Departure:
    if due("clear-expired", every=60):
        PendingLogin.clear_expired()
    attempt.browser = browser_mark(browser)
    pending = PendingLogin.prepare(browser=browser, connector=connector, attempt=attempt, **fields)
    try:
        attempt.save()
        departure = PROTOCOLS[connector.type].begin(connector, pending)
        pending.save()
    except exchanges.HostBusy:
        attempt.delete()  # nothing has begun, and who comes again begins another
        raise
    except IntegrityError as error:
        attempt.connector = None
        raise UnknownConnector("The connector was deleted meanwhile.") from error
    except (IdentityProviderAway, IdentityProviderError, SecretUnreadable):
        # Our server has asked by itself and found that out: no stranger can make it up.
        attempt.counts = True
        raise
    return departure


def _read(request: HttpRequest) -> Answer:
    for protocol in PROTOCOLS.values():
        answer = protocol.receive(request)
        if answer is not None:
            return answer
    raise BadMessage("This is not an answer of an identity provider.")


def _claim(request: HttpRequest, browser: str, turn: Turn) -> PendingLogin | None:
    if "handle" in request.GET:
        return PendingLogin.claim(handle=request.GET["handle"], browser=browser, before=turn)
    for connector_type, protocol in PROTOCOLS.items():
        arrival = protocol.arrival(request)
        if arrival is not None:
            return PendingLogin.claim_with(
                arrival.kept,
                request_id=arrival.request_id,
                connector_type=connector_type,
                browser=browser,
                before=turn,
            )
    return None


def _check_place(request: HttpRequest, pending: PendingLogin, checks: Checks) -> None:
    """An answer must come on the address that its login began with. Raises ResponseRefused.

    Whoever runs one connector's server could otherwise have another's answer brought to their own login,
    and the code in it sent to them (mix-up, RFC 9700 section 4.4).
    """
    wanted = pending.redirect_uri
    if not addresses.is_at(wanted, request.path):
        received = f"{addresses.base_url()}{as_text(request.path)}"
        checks.record("redirect URI", False, expected=wanted, received=received)
        raise ResponseRefused("The answer came to another redirect URI than its login began with.")


def _answers_nothing(answer: Answer) -> dict[str, str]:
    """A tile on the identity provider's dashboard, or a sign-in page left open overnight."""
    keys = [connector.pk for connector in answer.meant_for()]
    return {"unsolicited": signing.dumps(keys, salt=_UNSOLICITED_SALT)}


@dataclass
class _Record:
    attempt: Attempt
    checks: Checks = field(default_factory=Checks)


@contextmanager
def _recording(attempt: Attempt) -> Iterator[_Record]:
    """Keep on the attempt why a login ends, and tell the error which attempt that is."""
    record = _Record(attempt)
    try:
        yield record
    except LoginError as error:
        record.attempt.counts = record.attempt.counts or record.checks.verified
        record.attempt.fail(error, record.checks)
        note_failed(record.attempt)
        error.attempt_code = record.attempt.code
        raise


def callback_address(query: dict[str, str]) -> str:
    return f"{addresses.reply_url()}?{urlencode(query)}"
