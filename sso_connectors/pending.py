"""The login under way: stored when it begins, answered, and claimed once.

One row passes through three states, each change being one conditional UPDATE whose WHERE holds all
that must be true and whose row count decides. Nothing else guards against replay, so nothing else
can disagree, whatever the number of processes.

    begun --answer()--> answered --claim()--> claimed
"""

import hashlib
import secrets
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final, Self

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.utils import timezone

from .attempts import Check, Checks
from .identity import Identity

LIFETIME: Final = timedelta(minutes=10)
HANDLE_LIFETIME: Final = timedelta(seconds=60)
UNSOLICITED_PAUSE: Final = timedelta(minutes=2)


def digest(secret: str) -> str:
    """What is stored of a one-time secret: who reads the table can't finish anybody's login."""
    return hashlib.sha256(secret.encode()).hexdigest()


class PendingState(models.TextChoices):
    BEGUN = "begun"
    ANSWERED = "answered"
    CLAIMED = "claimed"


class PendingLogin(models.Model):
    """What we asked an identity provider for, on behalf of which browser.

    `request_id` is what its answer must name (SAML: the AuthnRequest's ID, 160 random bits).
    """

    request_id = models.CharField(max_length=64, unique=True)
    connector = models.ForeignKey(
        "sso_connectors.Connector", on_delete=models.CASCADE, related_name="+"
    )
    attempt = models.ForeignKey(
        "sso_connectors.Attempt", on_delete=models.CASCADE, related_name="+"
    )
    browser_hash = models.CharField(max_length=64)
    next = models.CharField(max_length=2000, blank=True)
    unsolicited = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(db_index=True)
    state = models.CharField(max_length=10, choices=PendingState, default=PendingState.BEGUN)
    handle_hash = models.CharField(max_length=64, unique=True, null=True)  # noqa: DJ001 - unique
    answered_at = models.DateTimeField(null=True)
    answer = models.JSONField(default=dict, encoder=DjangoJSONEncoder)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["browser_hash", "connector"], name="pending_browser_connector")
        ]

    def __str__(self) -> str:
        return self.request_id

    @classmethod
    def begin(cls, *, browser: str, **fields: Any) -> Self:
        """Store a new login of the browser whose cookie is `browser`."""
        now = timezone.now()
        return cls.objects.create(
            request_id=f"_{secrets.token_hex(20)}",
            browser_hash=digest(browser),
            created_at=now,
            expires_at=now + LIFETIME,
            **fields,
        )

    @classmethod
    def find(cls, request_id: str) -> Self | None:
        """The login that an answer names, with its connector and attempt, unless it has expired."""
        named = cls.objects.filter(request_id=request_id, expires_at__gt=timezone.now())
        return next(iter(named.select_related("connector", "attempt")), None)

    def answer_with(self, identity: Identity, checks: Checks) -> str | None:
        """Keep what was proved; return the handle for the last step, or None when too late."""
        handle = secrets.token_urlsafe(32)
        now = timezone.now()
        updated = PendingLogin.objects.filter(
            pk=self.pk, state=PendingState.BEGUN, expires_at__gt=now
        ).update(
            state=PendingState.ANSWERED,
            handle_hash=digest(handle),
            answered_at=now,
            answer={"identity": asdict(identity), "checks": checks.as_json()},
        )
        return handle if updated == 1 else None

    @classmethod
    def claim(cls, *, handle: str, browser: str) -> Self | None:
        """Take an answered login for good; None unless it is this browser's and fresh.

        The UPDATE decides between rivals; the row is read first only to have its contents.
        """
        now = timezone.now()
        mine = cls.objects.filter(
            handle_hash=digest(handle),
            browser_hash=digest(browser),
            state=PendingState.ANSWERED,
            answered_at__gt=now - HANDLE_LIFETIME,
            expires_at__gt=now,
        )
        pending = next(iter(mine.select_related("connector", "attempt")), None)
        if pending is None or mine.update(state=PendingState.CLAIMED, answer={}) != 1:
            return None
        return pending

    @property
    def proved(self) -> Identity:
        """The identity that `answer_with` kept."""
        kept = dict(self.answer["identity"])
        if kept["not_after"]:
            kept["not_after"] = datetime.fromisoformat(kept["not_after"])
        return Identity(**kept)

    @property
    def checks(self) -> Checks:
        """The checks that `answer_with` kept, for the last step to go on with."""
        return Checks(verified=True, items=[Check(**item) for item in self.answer["checks"]])

    @classmethod
    def began_unsolicited(cls, *, browser: str, connector_id: int) -> bool:
        """Whether an unsolicited answer made this browser begin here in the last two minutes."""
        return cls.objects.filter(
            browser_hash=digest(browser),
            connector_id=connector_id,
            unsolicited=True,
            created_at__gt=timezone.now() - UNSOLICITED_PAUSE,
        ).exists()

    @classmethod
    def under_way(cls) -> int:
        """How many logins have begun or been answered, and have not expired."""
        return (
            cls.objects.filter(expires_at__gt=timezone.now())
            .exclude(state=PendingState.CLAIMED)
            .count()
        )

    @classmethod
    def clear_expired(cls) -> int:
        """Delete rows that ended; they stay as long as an unsolicited answer must remember them."""
        return cls.objects.filter(expires_at__lt=timezone.now() - UNSOLICITED_PAUSE).delete()[0]
