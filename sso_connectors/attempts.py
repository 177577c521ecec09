"""What happened in one sign-in: each check with what was expected, what was received, the verdict.

An attempt costs a login one insert when it starts and one update when it ends. What a check received
is shown to administrators as it came; `verified` says whether the identity provider vouches for it, by a
valid signature or by having answered our server itself.
"""

import logging
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from django.conf import settings
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from .errors import LoginError
from .metrics import ATTEMPTS

logger = logging.getLogger(__name__)

# Without 0/O, 1/I/L and the vowels, so that a code is read out without mistakes and spells no word.
_ALPHABET: Final = "23456789BCDFGHJKMNPQRSTVWXYZ"
_SHOWN: Final = 300


class Outcome(models.TextChoices):
    IN_PROGRESS = "in_progress", _("in progress")
    SIGNED_IN = "signed_in", _("signed in")
    TEST_PASSED = "test_passed", _("test passed")
    FAILED = "failed", _("failed")


class Purpose(models.TextChoices):
    SIGN_IN = "sign_in", _("sign-in")
    TEST = "test", _("test")


@dataclass
class Check:
    name: str
    passed: bool
    expected: str
    received: str
    verified: bool


@dataclass
class Checks:
    """Collects every check of one answer, so that all that is wrong is shown, not only the first."""

    verified: bool = False
    items: list[Check] = field(default_factory=list)
    # Takes the secrets out of a text, where a protocol has any.
    hide: Callable[[str], str] = str

    def record(self, name: str, passed: bool, *, expected: object, received: object) -> bool:
        """Keep one verdict and return it."""
        wanted, came = self.hide(as_text(expected)), self.hide(as_text(received))
        self.items.append(Check(name, passed, wanted, came, self.verified))
        return passed

    @property
    def failed(self) -> list[Check]:
        return [item for item in self.items if not item.passed]

    def as_json(self) -> list[dict[str, Any]]:
        return [dict(vars(item)) for item in self.items]


def as_text(value: object, *, limit: int = _SHOWN) -> str:
    """What a stranger sent, in a form that can be stored: shortened, without null characters or halves
    of a pair (JSON can write one)."""
    text = "" if value is None else str(value)
    if "\0" in text or not text.isascii():
        text = text.replace("\0", "�").encode(errors="replace").decode()
    return text if len(text) <= limit else f"{text[:limit]}…"


def _as_texts(value: object) -> list[str]:
    return [as_text(each) for each in (value if isinstance(value, list | tuple) else [value])]


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
        help_text=_("Who started the test; nobody else sees it."),
    )
    # Tells people apart where nobody has been named yet; from the browser's cookie, one way only.
    browser = models.CharField(max_length=16, blank=True, editable=False)
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
        _("named"),
        max_length=254,
        blank=True,
        help_text=_("Whom the identity provider named, once that was verified; linked or not."),
    )
    claims = models.JSONField(
        _("claims"), default=dict, help_text=_("All that a test received about the person.")
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
        """Keep why the login ended; a success that came before is never overwritten."""
        self.outcome = Outcome.FAILED
        self.cause = error.code
        self.detail = as_text(error.detail)
        self.checks = checks.as_json()
        self.ended_at = timezone.now()
        if self.pk is None:
            self.save()
        else:
            passed = (Outcome.SIGNED_IN, Outcome.TEST_PASSED)
            Attempt.objects.filter(pk=self.pk).exclude(outcome__in=passed).update(
                outcome=self.outcome,
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
            cause="",
            detail="",
            checks=checks.as_json(),
            user=user,
            username=self.username,
            claims={as_text(name): _as_texts(value) for name, value in (claims or {}).items()},
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
