"""The login under way: stored when it begins, answered, and claimed once.

One row passes through three states, each change being one conditional UPDATE whose WHERE holds all
that must be true and whose row count decides. Nothing else guards against replay, so nothing else
can disagree, whatever the number of processes.

    begun --answer_with()--> answered --claim()--> claimed
    begun --claim_with()--> claimed, where the answer came with the browser's cookie
"""

import hashlib
import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Any, ClassVar, Final, Self

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.utils import timezone

from .. import addresses
from ..results.checks import Checks

LIFETIME: Final = timedelta(minutes=10)
HANDLE_LIFETIME: Final = timedelta(seconds=60)
CLEARED_AT_ONCE: Final = 2000
UNSOLICITED_PAUSE: Final = timedelta(minutes=2)
# In `asked`: this one login asks for the password again, though its connector wouldn't.
ASK_AGAIN: Final = "again"


def digest(secret: str) -> str:
    """What is stored of a one-time secret: who reads the table can't finish anybody's login."""
    return hashlib.sha256(secret.encode()).hexdigest()


def browser_mark(browser: str) -> str:
    """What an attempt keeps of the browser's cookie, to tell people apart."""
    return digest(browser)[:16]


class PendingState(models.TextChoices):
    BEGUN = "begun"
    ANSWERED = "answered"
    CLAIMED = "claimed"


class PendingLogin(models.Model):
    """What we asked an identity provider for, on behalf of which browser.

    `request_id` is what its answer must name, 160 random bits (SAML: the AuthnRequest's ID; OAuth 2: the
    state). `asked` is what else must fit the answer (OAuth 2: nonce and PKCE verifier).
    """

    request_id = models.CharField(max_length=64, unique=True)
    connector = models.ForeignKey(
        "sso_connectors.Connector", on_delete=models.CASCADE, related_name="+"
    )
    attempt = models.ForeignKey(
        "sso_connectors.Attempt", on_delete=models.CASCADE, related_name="+"
    )
    asked = models.JSONField(default=dict)
    browser_hash = models.CharField(max_length=64)
    # The address of ours that was sent along, on which the answer must come back.
    returns_to = models.CharField(
        max_length=500,
        blank=True,
        db_default="",
    )
    next = models.CharField(max_length=2000, blank=True)
    unsolicited = models.BooleanField(default=False)
    is_test = models.BooleanField(default=False)
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

    @property
    def redirect_uri(self) -> str:
        """Where the answer must come; a login begun by the code of before had one address to come to."""
        return self.returns_to or addresses.reply_url()

    @classmethod
    def prepare(cls, *, browser: str, **fields: Any) -> Self:
        """Return a new login, not stored yet, of the browser whose cookie is `browser`."""
        now = timezone.now()
        return cls(
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

    def answer_with(self, kept: dict[str, Any], checks: Checks) -> str | None:
        """Keep what the last step needs; return the handle for it, or None when too late."""
        handle = secrets.token_urlsafe(32)
        now = timezone.now()
        updated = PendingLogin.objects.filter(
            pk=self.pk, state=PendingState.BEGUN, expires_at__gt=now
        ).update(
            state=PendingState.ANSWERED,
            handle_hash=digest(handle),
            answered_at=now,
            answer={"kept": kept, "checks": checks.as_json()},
        )
        return handle if updated == 1 else None

    @classmethod
    def claim(
        cls, *, handle: str, browser: str, before: Callable[[Self], None] | None = None
    ) -> Self | None:
        """Take an answered login for good; None unless it is this browser's and fresh.

        before: called with the login that is about to be taken; what it raises leaves it as it is.
        """
        return cls._claim(
            browser,
            before=before,
            handle_hash=digest(handle),
            state=PendingState.ANSWERED,
            answered_at__gt=timezone.now() - HANDLE_LIFETIME,
        )

    @classmethod
    def claim_with(
        cls,
        kept: dict[str, Any],
        *,
        request_id: str,
        connector_type: str,
        browser: str,
        before: Callable[[Self], None] | None = None,
    ) -> Self | None:
        """Take a login whose answer came with the browser's cookie, so that it needs no handle."""
        pending = cls._claim(
            browser,
            before=before,
            of_connector={"connector__type": connector_type},
            request_id=request_id,
            state=PendingState.BEGUN,
        )
        if pending is not None:
            pending.answer = {"kept": kept, "checks": []}
        return pending

    @classmethod
    def _claim(
        cls,
        browser: str,
        *,
        before: Callable[[Self], None] | None = None,
        of_connector: dict[str, Any] | None = None,
        **conditions: Any,
    ) -> Self | None:
        """The UPDATE decides between rivals; the row is read first only to have its contents.

        The UPDATE's conditions are on the row itself. A condition on the connector would be a subquery,
        which PostgreSQL doesn't ask again once a rival's change is seen: two would win.
        """
        mine = cls.objects.filter(
            browser_hash=digest(browser), expires_at__gt=timezone.now(), **conditions
        )
        readable = mine.filter(**of_connector or {}).select_related("connector", "attempt")
        pending = next(iter(readable), None)
        if pending is None:
            return None
        if before is not None:
            before(pending)
        claimed = mine.update(state=PendingState.CLAIMED, answer={}, asked={})
        return pending if claimed == 1 else None

    @property
    def kept(self) -> dict[str, Any]:
        """What `answer_with` or `claim_with` kept."""
        return dict(self.answer["kept"])

    @property
    def checks(self) -> Checks:
        """The checks that `answer_with` kept, for the last step to go on with."""
        return Checks.from_json(self.answer["checks"])

    @property
    def asks_again(self) -> bool:
        """Whether the identity provider must ask for the password again, whoever is signed in there."""
        return bool(self.connector.force_authn or self.asked.get(ASK_AGAIN))

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
        """Delete some rows that ended, long after an unsolicited answer has to remember one.

        CLEARED_AT_ONCE at most, since somebody's login waits for it; sso_cleanup deletes all.
        """
        ended = cls.objects.filter(expires_at__lt=timezone.now()).order_by("expires_at")
        keys = list(ended.values_list("pk", flat=True)[:CLEARED_AT_ONCE])
        return cls.objects.filter(pk__in=keys).delete()[0] if keys else 0
