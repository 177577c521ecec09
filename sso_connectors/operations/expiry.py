"""Certificates that end: which, how soon, and which are no longer used and can go.

Only of connectors that agents can use. An ended certificate still verifies (see certificates.py); many
identity providers stop by themselves, though, or change theirs without a word.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final

from django.utils import timezone

from ..models import Certificate, Connector, ConnectorType

# Days left at which a contact is told, and 0: it has ended.
THRESHOLDS: Final = (90, 30, 7, 1, 0)
UNUSED_AFTER: Final = timedelta(days=14)


@dataclass(frozen=True, kw_only=True)
class Ending:
    """A certificate that has ended or will soon.

    is_replaced: sign-ins are verified by a later one by now, so that nobody need do anything but remove it.
    successor: the one that the identity provider can change to, already there but not used yet.
    """

    certificate: Certificate
    is_replaced: bool
    successor: Certificate | None
    now: datetime

    @property
    def connector(self) -> Connector:
        return self.certificate.connector

    @property
    def has_ended(self) -> bool:
        return self.certificate.valid_until <= self.now

    @property
    def days_left(self) -> int:
        """Whole days; 0 within the last, and when it has ended."""
        return max(0, (self.certificate.valid_until - self.now).days)

    @property
    def threshold(self) -> int:
        """The nearest of THRESHOLDS that it has reached, or the first."""
        left = self.certificate.valid_until - self.now
        reached = (days for days in THRESHOLDS if left <= timedelta(days=days))
        return min(reached, default=THRESHOLDS[0])


def endings(*, days: int) -> list[Ending]:
    """What has ended, or ends within so many days, in the order of references. One query."""
    now = timezone.now()
    until = now + timedelta(days=days)
    certificates = (
        Certificate.objects.filter(
            connector__enabled=True,
            connector__type=ConnectorType.SAML2,
            connector__certificates_end__lte=until,
        )
        .select_related("connector")
        .order_by("connector__reference", "connector", "valid_until", "pk")
    )
    found = []
    for _, rows in groupby(certificates, key=lambda row: row.connector_id):
        of_connector = list(rows)
        found += [
            _ending(row, of_connector, now=now) for row in of_connector if row.valid_until <= until
        ]
    return found


def _ending(certificate: Certificate, siblings: list[Certificate], *, now: datetime) -> Ending:
    later = [other for other in siblings if other.valid_until > certificate.valid_until]
    used = certificate.last_used_at
    is_replaced = any(
        other.last_used_at and (used is None or other.last_used_at > used) for other in later
    )
    fit = [other for other in later if other.valid_until > now]
    return Ending(
        certificate=certificate,
        is_replaced=is_replaced,
        successor=fit[-1] if fit and not is_replaced else None,
        now=now,
    )


def unused_for(certificate: Certificate, others: Iterable[Certificate]) -> timedelta | None:
    """How long it has not been used while another one was, once that is long enough for it to go.

    None, too, for one that was never used and isn't older than what is: its time may be to come.
    """
    since = certificate.last_used_at or certificate.added_at
    was_used_meanwhile = any(
        other.last_used_at is not None
        and other.last_used_at > since
        and (certificate.last_used_at or other.valid_until > certificate.valid_until)
        for other in others
    )
    unused = timezone.now() - since
    return unused if was_used_meanwhile and unused >= UNUSED_AFTER else None


def one_line(text: str) -> str:
    """Without line breaks and the like, by which a name could add a header or a line that isn't ours."""
    seen = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(seen.split())
