"""The Maker's front page: what wants attention, today, the last two weeks, the connectors most used.

Each number leads to the list that it counts. Who may not see a list sees no number of it. The queries
are the same few whatever there is.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from django.contrib.auth.models import AnonymousUser
from django.db.models import Count, QuerySet, Value
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from sso_connectors.models import Connector
from sso_connectors.models.attempt import Attempt, Outcome, Purpose
from sso_connectors.operations import attention
from users.models import User

from .chart import Bar, Drawing, stacked

DAYS: Final = 14
BUSY_DAYS: Final = 30
BUSIEST: Final = 5


@dataclass(frozen=True)
class Figure:
    """A number, and the list that it counts. `kind` is the sign it has when it isn't 0."""

    label: str
    count: int
    address: str
    kind: str


@dataclass(frozen=True)
class Day:
    date: date
    signed_in: int
    failed: int


@dataclass(frozen=True)
class Busy:
    connector: Connector
    attempts: int
    address: str


class Overview:
    """The front page of one person; each part is None where they may not view what it counts."""

    def __init__(self, user: User | AnonymousUser) -> None:
        self._user = user

    @cached_property
    def connectors(self) -> dict[str, int] | None:
        """All connectors, and those that want attention, in one look at the table."""
        if not self._may_view("sso_connectors", "connector"):
            return None
        return Connector.objects.aggregate(
            total=Count("pk"),
            open=Count("pk", filter=attention.WITHOUT_TENANT),
            failing=Count("pk", filter=attention.FAILING),
            ended=Count("pk", filter=attention.certificate_ended()),
            ending=Count("pk", filter=attention.certificate_ending()),
            shared=Count("pk", filter=attention.SHARED_REDIRECT_URI),
        )

    @property
    def is_new(self) -> bool:
        """There is no connector yet, so the first thing to do is to add one."""
        return self.connectors is not None and not self.connectors["total"]

    @property
    def may_add(self) -> bool:
        return self._user.has_perms(("sso_connectors.add_connector", "sso_connectors.change_trust"))

    @cached_property
    def figures(self) -> list[Figure]:
        """What wants attention."""
        return [*self._of_connectors(), *self._of_links()]

    @property
    def is_calm(self) -> bool:
        return not any(figure.count for figure in self.figures)

    def _of_connectors(self) -> list[Figure]:
        counts = self.connectors
        if counts is None:
            return []
        failing, ended, ending = counts["failing"], counts["ended"], counts["ending"]
        shared = counts["shared"]
        without = counts["open"]
        return [
            *self._of_older_versions(without),
            Figure(
                ngettext("connector failing", "connectors failing", failing),
                failing,
                _list(Connector, state="failing"),
                "failing",
            ),
            Figure(
                ngettext("certificate has expired", "certificates have expired", ended),
                ended,
                _list(Connector, certificates="ended"),
                "failing",
            ),
            Figure(
                ngettext(
                    "certificate expires within 30 days",
                    "certificates expire within 30 days",
                    ending,
                ),
                ending,
                _list(Connector, certificates="ending"),
                "expiring",
            ),
            Figure(
                ngettext(
                    "connector needs its own redirect URI",
                    "connectors need their own redirect URI",
                    shared,
                ),
                shared,
                _list(Connector, redirect="shared"),
                "failing",
            ),
        ]

    def _of_older_versions(self, without_tenant: int) -> list[Figure]:
        """Enabled under an older version, and incomplete under this one: nobody new comes to be one."""
        if not without_tenant:
            return []
        label = ngettext(
            "connector without its tenant", "connectors without their tenant", without_tenant
        )
        address = _list(Connector, state="draft", enabled__exact="1")
        return [Figure(label, without_tenant, address, "failing")]

    def _of_links(self) -> list[Figure]:
        if not (self._may_view("sso_connectors", "link") and self._may_view("users", "user")):
            return []
        unused, dead = (
            links.aggregate(users=Count("user", distinct=True))["users"]
            for links in (attention.never_used(), attention.to_reconnect())
        )
        return [
            Figure(
                ngettext("user with a link never used", "users with a link never used", unused),
                unused,
                _list(User, links="never_used"),
                "expiring",
            ),
            Figure(
                ngettext("user needs reconnection", "users need reconnection", dead),
                dead,
                _list(User, links="reconnect"),
                "expiring",
            ),
        ]

    @cached_property
    def days(self) -> list[Day] | None:
        """The sign-ins of the last days, today's last."""
        if not self._may_view("sso_connectors", "attempt"):
            return None
        today = timezone.localdate()
        dates = {ago: today - timedelta(days=ago) for ago in range(DAYS - 1, -1, -1)}
        # A range of the index for each day. Grouped by a date that is cast from the time, SQLite would
        # call Python for each row.
        first, *others = (_counted(day, ago) for ago, day in dates.items())
        counts = {
            (row["ago"], row["outcome"]): row["count"] for row in first.union(*others, all=True)
        }
        return [
            Day(
                date=day,
                signed_in=counts.get((ago, Outcome.SIGNED_IN), 0),
                failed=counts.get((ago, Outcome.FAILED), 0),
            )
            for ago, day in dates.items()
        ]

    @property
    def drawing(self) -> Drawing:
        return stacked([(day.signed_in, day.failed) for day in self.days or ()])

    @property
    def bars(self) -> list[tuple[Day, Bar]]:
        return list(zip(self.days or (), self.drawing.bars, strict=True))

    @property
    def signed_in(self) -> int:
        return sum(day.signed_in for day in self.days or ())

    @property
    def failed(self) -> int:
        return sum(day.failed for day in self.days or ())

    @property
    def today(self) -> list[Figure]:
        if not self.days:
            return []
        day = self.days[-1]
        of_today = {**_within(day.date), "purpose__exact": Purpose.SIGN_IN.value}

        def listed(outcome: Outcome) -> str:
            return _list(Attempt, outcome__exact=outcome.value, **of_today)

        return [
            Figure(_("signed in"), day.signed_in, listed(Outcome.SIGNED_IN), "signed_in"),
            Figure(_("failed"), day.failed, listed(Outcome.FAILED), "failing"),
        ]

    @cached_property
    def busiest(self) -> list[Busy] | None:
        """The connectors most used lately, by attempts of whatever outcome."""
        if self.connectors is None or not self._may_view("sso_connectors", "attempt"):
            return None
        since = _midnight(timezone.localdate() - timedelta(days=BUSY_DAYS - 1))
        counts = dict(
            Attempt.objects.filter(
                started_at__gte=since, purpose=Purpose.SIGN_IN, connector__isnull=False
            )
            .values("connector")
            .annotate(count=Count("pk"))
            .order_by("-count", "connector")
            .values_list("connector", "count")[:BUSIEST]
        )
        connectors = Connector.objects.in_bulk(counts)
        return [
            Busy(
                connectors[pk],
                count,
                _list(
                    Attempt,
                    connector__id__exact=str(pk),
                    purpose__exact=Purpose.SIGN_IN.value,
                    started_at__gte=str(since),
                ),
            )
            for pk, count in counts.items()
            if pk in connectors
        ]

    def _may_view(self, app: str, model: str) -> bool:
        return any(self._user.has_perm(f"{app}.{verb}_{model}") for verb in ("view", "change"))


def _counted(day: date, ago: int) -> "QuerySet[Any, Any]":
    return (
        Attempt.objects.filter(
            **_bounds(day),
            purpose=Purpose.SIGN_IN,
            outcome__in=(Outcome.SIGNED_IN, Outcome.FAILED),
        )
        .order_by()
        .values("outcome")
        .annotate(ago=Value(ago), count=Count("pk"))
    )


def _bounds(day: date) -> dict[str, datetime]:
    return {
        "started_at__gte": _midnight(day),
        "started_at__lt": _midnight(day + timedelta(days=1)),
    }


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


def _within(day: date) -> dict[str, str]:
    """The day as the list's own date filter writes it, so that *Today* shows as chosen there."""
    return {name: str(moment) for name, moment in _bounds(day).items()}


def _list(model: Any, **query: str) -> str:
    options = model._meta
    address = reverse(f"admin:{options.app_label}_{options.model_name}_changelist")
    return f"{address}?{urlencode(query)}"
