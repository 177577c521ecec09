"""What an operator should know before an agent does: certificates, failing connectors, tokens, secrets."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.db.models import Count, Exists, OuterRef

from .. import addresses
from ..models import Connector, ConnectorType, IdentifierFormat, Link
from ..providers import PROVIDERS
from . import attention, key_rotation
from .expiry import Ending, one_line

# A lost key makes every user's tokens unreadable.
_MOST_UNREADABLE: Final = 20


@dataclass(frozen=True, kw_only=True)
class Finding:
    """kind: a name for programs. text: one sentence for people. more: the figures in it, for programs."""

    kind: str
    is_error: bool
    text: str
    connector: str = ""
    more: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        level = "error" if self.is_error else "warning"
        own = {"level": level, "kind": self.kind, "connector": self.connector, "text": self.text}
        return {**own, **self.more}


def look(endings: Iterable[Ending]) -> list[Finding]:
    """A few queries, however much there is, but for the secrets, which are read one and all."""
    return [
        *(_of_certificate(ending) for ending in endings),
        *_without_tenant(),
        *_failing(),
        *_without_permanent_ids(),
        *_of_shared_redirect_uris(),
        *_to_reconnect(),
        *_unreadable(),
    ]


def _of_certificate(ending: Ending) -> Finding:
    row = ending.certificate
    if ending.has_ended:
        kind, when = "certificate_ended", f"ended on {row.valid_until:%Y-%m-%d}"
    else:
        kind = "certificate_ending"
        left = f"{ending.days_left} days" if ending.days_left else "less than a day"
        when = f"ends on {row.valid_until:%Y-%m-%d}, in {left}"
    text = f"The certificate {one_line(row.subject)} ({row.fingerprint[:23]}…) {when}."
    if ending.is_replaced:
        text += " Sign-ins go by a later one: remove it."
    elif ending.successor:
        text += " A later one is there, and the identity provider doesn't sign with it yet."
    return Finding(
        kind=kind,
        # One that is left over from a roll-over harms nobody.
        is_error=ending.has_ended and not ending.is_replaced,
        connector=ending.connector.reference,
        text=text,
        more={
            "subject": row.subject,
            "fingerprint": row.fingerprint,
            "ends_at": _time(row.valid_until),
            "days": ending.days_left,
            "last_used_at": _time(row.last_used_at),
            "replaced": ending.is_replaced,
        },
    )


def _without_tenant() -> Iterator[Finding]:
    for connector in Connector.objects.filter(attention.WITHOUT_TENANT).order_by("reference"):
        needed = PROVIDERS[connector.authentication_method].missing_options(connector.options)
        yield Finding(
            kind="tenant_missing",
            is_error=True,
            connector=connector.reference,
            text="Nobody can sign in: it doesn't say whose people may. Set the option "
            f"{', '.join(needed)} (docs/idp says where its value stands).",
            more={"options": needed},
        )


def _failing() -> Iterator[Finding]:
    failing = Connector.objects.filter(attention.FAILING).order_by("reference")
    for reference, cause in failing.values_list("reference", "failing_cause"):
        yield Finding(
            kind="connector_failing",
            is_error=True,
            connector=reference,
            text=f"The last attempts, of several people, all failed: {cause}.",
            more={"cause": cause},
        )


def _without_permanent_ids() -> Iterator[Finding]:
    """Connectors that ask for a permanent ID and never got one: their agents are refused at the next sign-in."""
    links = Link.objects.filter(connector=OuterRef("pk"))
    asking = Connector.objects.filter(
        Exists(links.filter(last_sign_in_at__isnull=False)),
        ~Exists(links.filter(subject__isnull=False)),
        enabled=True,
        type=ConnectorType.SAML2,
        identifier_format=IdentifierFormat.PERSISTENT,
    )
    for reference in asking.order_by("reference").values_list("reference", flat=True):
        yield Finding(
            kind="permanent_id_missing",
            is_error=False,
            connector=reference,
            text=(
                "It asks for a persistent identifier, and no permanent ID is remembered of anybody who signed in. "
                "Sign-ins without one are refused: test it. If the identity provider can't send persistent "
                "identifiers, choose another SAML identifier format."
            ),
        )


def _of_shared_redirect_uris() -> Iterator[Finding]:
    for connector in Connector.objects.filter(attention.SHARED_REDIRECT_URI).order_by("reference"):
        own = addresses.own_redirect_uri(connector.reference)
        yield Finding(
            kind="shared_redirect_uri",
            is_error=True,
            connector=connector.reference,
            text=(
                "Its redirect URI is shared, and the customer runs the server: sign-ins are refused unless the "
                f"server names itself (iss). Register {own} there, then set redirect_uri to own."
            ),
            more={"redirect_uri": connector.redirect_address, "register": own},
        )


def _to_reconnect() -> Iterator[Finding]:
    links = attention.to_reconnect().filter(connector__enabled=True, user__is_active=True)
    counted = links.values_list("connector__reference").annotate(number=Count("pk"))
    for reference, number in counted.order_by("connector__reference"):
        yield Finding(
            kind="reconnect_needed",
            is_error=False,
            connector=reference,
            text=f"Tokens are dead until their users sign in again: {number} (see sso_tokens).",
            more={"links": number},
        )


def _unreadable() -> Iterator[Finding]:
    tallies = key_rotation.rotate(write=False)
    unreadable = Counter(owner for tally in tallies for owner in tally.unreadable)
    for owner, number in sorted(unreadable.items())[:_MOST_UNREADABLE]:
        yield Finding(
            kind="secret_unreadable",
            is_error=True,
            text=f"{owner}: no key of FIELD_ENCRYPTION_KEYS reads it ({number}).",
            more={"secret": owner, "secrets": number},
        )
    if len(unreadable) > _MOST_UNREADABLE:
        rest = len(unreadable) - _MOST_UNREADABLE
        yield Finding(
            kind="secret_unreadable",
            is_error=True,
            text=f"So it is with {rest} more; sso_rotate_keys --check names them all.",
            more={"more": rest},
        )
    stale = sum(tally.stale for tally in tallies)
    if stale:
        yield Finding(
            kind="secret_of_older_key",
            is_error=False,
            text=f"Secrets under an older key: {stale}; run sso_rotate_keys before that key goes.",
            more={"secrets": stale},
        )


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds")
