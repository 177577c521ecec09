"""What happened in one sign-in: each check with what was expected, what was received, the verdict.

An attempt costs a login one insert when it starts and one update when it ends. What a check received
is shown to administrators as it came; `verified` says whether the identity provider vouches for it, by a
valid signature or by having answered our server itself.
What strangers may make it keep is bounded in results/checks.py.
"""

import logging
import re
import secrets
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from django.conf import settings
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ..metrics import ATTEMPTS
from ..results.checks import Check, Checks, as_text, kept_claims
from ..results.errors import LoginError

__all__ = ["Attempt", "Check", "Checks", "Outcome", "Purpose", "as_text"]

logger = logging.getLogger(__name__)

# Without 0/O, 1/I/L and the vowels, so that a code is read out without mistakes and spells no word.
_ALPHABET: Final = "23456789BCDFGHJKMNPQRSTVWXYZ"


class Outcome(models.TextChoices):
    IN_PROGRESS = "in_progress", _("in progress")
    SIGNED_IN = "signed_in", _("signed in")
    TEST_PASSED = "test_passed", _("test passed")
    FAILED = "failed", _("failed")
    # Written by sso_cleanup; until then it is worked out from the time.
    NEVER_CAME_BACK = "never_came_back", _("never came back")


class Purpose(models.TextChoices):
    SIGN_IN = "sign_in", _("sign-in")
    TEST = "test", _("test")


IS_CODE: Final = re.compile(f"[{_ALPHABET}]{{4}}-[{_ALPHABET}]{{4}}").fullmatch


def new_code() -> str:
    letters = "".join(secrets.choice(_ALPHABET) for _ in range(8))
    return f"{letters[:4]}-{letters[4:]}"


class Attempt(models.Model):
    code = models.CharField(_("code"), max_length=9, default=new_code, db_index=True)
    connector = models.ForeignKey(
        "sso_connectors.Connector",
        on_delete=models.SET_NULL,
        null=True,
        related_name="attempts",
        verbose_name=_("SSO connector"),
    )
    connector_reference = models.CharField(_("reference"), max_length=120, blank=True)
    started_at = models.DateTimeField(_("started"), default=timezone.now)
    ended_at = models.DateTimeField(_("ended"), null=True)
    outcome = models.CharField(
        _("outcome"), max_length=20, choices=Outcome, default=Outcome.IN_PROGRESS
    )
    purpose = models.CharField(
        _("purpose"), max_length=10, choices=Purpose, default=Purpose.SIGN_IN
    )
    starter = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        null=True,
        related_name="+",
        verbose_name=_("started by"),
        help_text=_("The user who started the test. Nobody else can see it."),
    )
    # Tells people apart where nobody has been named yet; from the browser's cookie, one way only.
    browser = models.CharField(max_length=16, blank=True, editable=False)
    # Whether it says something of its connector's state: its answer was verified, or the browser that began it
    # has come back. Whatever else a stranger sends is kept, and moves nothing.
    counts = models.BooleanField(default=False, db_default=False, editable=False)
    cause = models.CharField(_("cause"), max_length=40, blank=True)
    detail = models.TextField(_("detail"), blank=True)
    checks = models.JSONField(_("checks"), default=list)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("user"),
    )
    username = models.CharField(
        _("person named"),
        max_length=254,
        blank=True,
        help_text=_(
            "The person whom the identity provider named, once this was "
            "verified. They may or may not be linked."
        ),
    )
    claims = models.JSONField(
        _("claims"), default=dict, help_text=_("Everything that a test received about the person.")
    )

    class Meta:
        verbose_name = _("login attempt")
        verbose_name_plural = _("login attempts")
        ordering: ClassVar = ["-started_at", "-pk"]
        permissions: ClassVar = [("view_personal", _("Can see who is named in login attempts"))]
        indexes: ClassVar = [
            models.Index(
                fields=["connector", "-started_at", "purpose"], name="attempt_of_connector"
            ),
            # However many a stranger sends, the last that count are found at once.
            models.Index(
                fields=["connector", "-started_at"],
                condition=models.Q(counts=True),
                name="attempt_that_counts",
            ),
            # The front page counts by day and the list all there is to see, from the index alone: the rows
            # are wide. The list comes in its order.
            models.Index(
                fields=["started_at", "id", "purpose", "outcome", "starter"],
                name="attempt_in_order",
            ),
            # Kept as the identity provider wrote it, and found in any letter case.
            models.Index(Lower("username"), name="attempt_of_username"),
        ]

    def __str__(self) -> str:
        return self.code

    @property
    def is_test(self) -> bool:
        return self.purpose == Purpose.TEST

    def fail(self, error: LoginError, checks: Checks) -> None:
        """Keep why the login ended.

        A success that came before is never overwritten, and what counts not by what doesn't: a stranger who knows
        the request would otherwise change what the administrator reads of somebody's login.
        """
        self.outcome = Outcome.FAILED
        self.cause = error.code
        self.detail = as_text(error.detail)
        self.checks = checks.as_json()
        self.ended_at = timezone.now()
        if self.pk is None:
            self.save()
        else:
            passed = (Outcome.SIGNED_IN, Outcome.TEST_PASSED)
            before = Attempt.objects.filter(pk=self.pk).exclude(outcome__in=passed)
            if not self.counts:
                before = before.filter(counts=False)
            before.update(
                outcome=self.outcome,
                counts=self.counts,
                cause=self.cause,
                detail=self.detail,
                checks=self.checks,
                username=self.username,
                ended_at=self.ended_at,
            )
        ATTEMPTS.labels(self._reference, error.code).inc()
        logger.warning("Login failed", extra={"cause": error.code, **self._for_log()})

    def succeed(
        self, user: models.Model | None, checks: Checks, *, claims: Mapping[str, Any] | None = None
    ) -> None:
        """Keep that `user` signed in, or of a test whom it would have signed in, if anybody."""
        self.outcome = Outcome.TEST_PASSED if self.is_test else Outcome.SIGNED_IN
        Attempt.objects.filter(pk=self.pk).update(
            outcome=self.outcome,
            counts=True,
            cause="",
            detail="",
            checks=checks.as_json(),
            user=user,
            username=self.username,
            claims=kept_claims(claims or {}),
            ended_at=timezone.now(),
        )
        ATTEMPTS.labels(self._reference, self.outcome.value).inc()
        logger.info("Test passed" if self.is_test else "Signed in", extra=self._for_log())

    @property
    def _reference(self) -> str:
        """The connector's, and none that we don't know: anybody can make one up."""
        return self.connector_reference if self.connector_id else ""

    def _for_log(self) -> dict[str, str]:
        return {"connector": self._reference, "attempt": self.code}
