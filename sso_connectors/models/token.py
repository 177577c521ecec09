"""Tokens at rest: what lets us act for a link's user at the provider, one row for each link.

A row lives through numbered generations, one for each pair of tokens. What changes a row is one
conditional UPDATE whose row count decides, so nothing is locked while a provider is asked:

    keep()        a sign-in: always wins, and heals what was dead
    take_lease()  the right to refresh this generation, for LEASE
    replace()     what the refresh brought, unless another generation is there by now

A row whose link is gone waits until it is revoked at the provider (protocols/oauth2/revocation.py).
To delete a link only cuts its token loose, by one UPDATE however many links go and by whatever path.
"""

import re
from datetime import timedelta
from typing import Any, ClassVar, Final

from django.db import IntegrityError, models, transaction
from django.db.models import Case, F, Q, When
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from ..results.identity import Grant
from ..secrets.encryption import Secret, SecretField

# Longer than a provider is waited for, and the new pair then takes to be written.
LEASE: Final = timedelta(seconds=30)
# After a failed refresh nobody asks again so soon: fifty callers would wait for the same silence.
PAUSE: Final = timedelta(seconds=10)
# A token is refreshed this long before its end, and not handed out any more this long before it; of one
# that lives for minutes only, at a quarter and an eighth of its life.
STILL_SIGNS_IN: Final = timedelta(days=30)
AHEAD: Final = timedelta(minutes=5)
MARGIN: Final = timedelta(seconds=60)

# RFC 6749 appendix A.12 and A.17; anything else could not be sent in a header either.
_MAX_TOKEN: Final = 16 * 1024
_MAX_BESIDE: Final = 8 * 1024
_is_token = re.compile(r"[ -~]*").fullmatch


class TokenState(models.TextChoices):
    OK = "ok", _("ok")
    RECONNECT_NEEDED = "reconnect_needed", _("reconnection needed")


class CannotBeKept(ValueError):
    """A grant holds characters that no token has, or no database takes."""


class Token(models.Model):
    """One person's tokens at one provider.

    issuer, client_id: whose they are. Only there they may be sent: a connector can be changed.
    method, options, client_secret: the client, kept here only once the connector is gone.
    reason: the code of the last failure, "" after a success.
    tries: how often revoking has failed.
    """

    link = models.OneToOneField(
        "sso_connectors.Link", on_delete=models.SET_NULL, null=True, related_name="token"
    )
    connector = models.ForeignKey(
        "sso_connectors.Connector", on_delete=models.SET_NULL, null=True, related_name="+"
    )
    issuer = models.CharField(max_length=1024)
    client_id = models.CharField(max_length=255)
    method = models.CharField(max_length=20, blank=True)
    options = models.JSONField(default=dict)
    client_secret = SecretField(_("client secret"))
    access_token = SecretField(_("access token"))
    refresh_token = SecretField(_("refresh token"))
    expires_at = models.DateTimeField(null=True)
    scope = models.TextField(blank=True)
    extra = models.JSONField(default=dict)
    obtained_at = models.DateTimeField()
    refreshed_at = models.DateTimeField(null=True)
    state = models.CharField(max_length=20, choices=TokenState, default=TokenState.OK)
    reason = models.CharField(max_length=50, blank=True)
    generation = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True)
    tries = models.PositiveSmallIntegerField(default=0)

    class Meta:
        verbose_name = _("token")
        verbose_name_plural = _("tokens")
        constraints: ClassVar = [
            models.CheckConstraint(
                name="token_known_state", condition=Q(state__in=TokenState.values)
            ),
            models.CheckConstraint(
                name="token_has_access_token", condition=Q(access_token__isnull=False)
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["failed_at"], condition=Q(link=None), name="token_to_revoke"),
            # The front page counts the few that are dead among all.
            models.Index(
                fields=["link"],
                condition=Q(state=TokenState.RECONNECT_NEEDED),
                name="token_to_reconnect",
            ),
        ]

    def __str__(self) -> str:
        return f"token {self.pk}"

    # --- what is kept ---------------------------------------------------------------------------

    @classmethod
    def keep(
        cls, *, link_id: int, connector_id: int, issuer: str, client_id: str, grant: Grant
    ) -> bool:
        """Put a sign-in's grant in the place of whatever is there; False when the link is gone.

        Raises CannotBeKept.
        """
        now = timezone.now()
        values = {
            **_columns(grant),
            "connector_id": connector_id,
            "issuer": issuer,
            "client_id": client_id,
            "obtained_at": now,
            "refreshed_at": None,
            "state": TokenState.OK,
            "reason": "",
            "lease_until": None,
            "failed_at": None,
        }
        stored = cls.objects.filter(link_id=link_id)
        changes = {**values, "generation": F("generation") + 1}
        if not grant.refresh_token:
            # Some providers give one at the first sign-in only. That of another provider or app must not
            # stay: it would be sent to this one.
            same = When(
                issuer=issuer, client_id=client_id, state=TokenState.OK, then=F("refresh_token")
            )
            changes["refresh_token"] = Case(same, default=None, output_field=SecretField())
        if stored.update(**changes):
            return True
        try:
            with transaction.atomic():
                cls.objects.create(link_id=link_id, **values)
        except IntegrityError:  # a second sign-in of the same person, or the link is gone
            return bool(stored.update(**changes))
        return True

    @classmethod
    def lacks_consent(cls, connector_id: int) -> bool:
        """Whether somebody who still signs in there has tokens that can't be renewed."""
        lately = timezone.now() - STILL_SIGNS_IN
        dead = Q(state=TokenState.RECONNECT_NEEDED) | Q(refresh_token__isnull=True)
        return cls.objects.filter(
            dead,
            connector_id=connector_id,
            link__user__is_active=True,
            link__last_sign_in_at__gt=lately,
        ).exists()

    def grant(self) -> Grant:
        """Raises UnreadableSecret."""
        return Grant(
            access_token=self.access_token.reveal() if self.access_token else "",
            refresh_token=self.refresh_token.reveal() if self.refresh_token else "",
            expires_at=self.expires_at,
            scope=self.scope,
            extra=self.extra,
        )

    # --- how it stands --------------------------------------------------------------------------

    def belongs_to(self, *, issuer: str, client_id: str) -> bool:
        return (self.issuer, self.client_id) == (issuer, client_id)

    @property
    def is_fresh(self) -> bool:
        """Whether nothing need be done about it yet."""
        return self._lasts(AHEAD, share=4)

    @property
    def is_usable(self) -> bool:
        """Whether it lasts for a call that begins now."""
        return self._lasts(MARGIN, share=8)

    @property
    def is_alive(self) -> bool:
        """Whether the provider takes it still, as far as it said."""
        return self.expires_at is None or self.expires_at > timezone.now()

    def _lasts(self, at_least: timedelta, *, share: int) -> bool:
        if self.expires_at is None:
            return True
        life = self.expires_at - (self.refreshed_at or self.obtained_at)
        return self.expires_at - timezone.now() > min(at_least, life / share)

    @property
    def failed_lately(self) -> bool:
        return self.failed_at is not None and timezone.now() - self.failed_at < PAUSE

    # --- a refresh ------------------------------------------------------------------------------

    def take_lease(self) -> bool:
        """Take the right to send this generation's tokens to the provider, for LEASE."""
        now = timezone.now()
        if self.lease_until is not None and self.lease_until > now:
            return False
        until = now + LEASE
        # All rivals have read the same row: the condition lets one of them through.
        free = Q(lease_until=None) | Q(lease_until__lt=now)
        if not self._same().filter(free).update(lease_until=until):
            return False
        self.lease_until = until
        return True

    def replace(self, grant: Grant) -> None:
        """Write what the refresh brought, unless a sign-in was faster.

        The lease need not be ours any more: the provider has spent the old pair, so whoever has the new
        one first keeps it. Nor the link be there: then this is the pair to be revoked. Raises CannotBeKept.
        """
        self._same().update(
            **_columns(grant),
            refreshed_at=timezone.now(),
            state=TokenState.OK,
            reason="",
            generation=self.generation + 1,
            lease_until=None,
            failed_at=None,
        )

    def note_failure(self, reason: str) -> None:
        """Give the lease back; what is stored stays."""
        self._same().filter(lease_until=self.lease_until).update(
            lease_until=None, failed_at=timezone.now(), reason=reason
        )

    def needs_reconnect(self, reason: str) -> None:
        """Only a sign-in heals it now. The pair stays, to be revoked if the link goes."""
        self._same().update(state=TokenState.RECONNECT_NEEDED, reason=reason, lease_until=None)

    def _same(self) -> "models.QuerySet[Token]":
        """This row, while it holds the pair that it held when it was read."""
        return Token.objects.filter(pk=self.pk, generation=self.generation)

    # --- to be revoked --------------------------------------------------------------------------

    @classmethod
    def cut_loose(cls, **links: Any) -> int:
        """Leave the tokens of these links, by conditions on `link`, to be revoked; return how many."""
        return cls.objects.filter(link__isnull=False, **links).update(link=None)

    @classmethod
    def to_revoke(cls) -> "models.QuerySet[Token]":
        """Whose link is gone and whom nobody is asking about, the longest untried first."""
        free = Q(lease_until=None) | Q(lease_until__lt=timezone.now())
        return cls.objects.filter(free, link=None).order_by(
            F("failed_at").asc(nulls_first=True), "pk"
        )


@sensitive_variables()
def _columns(grant: Grant) -> dict[str, Any]:
    tokens = grant.access_token, grant.refresh_token
    texts = grant.scope, *grant.extra.keys(), *grant.extra.values()
    if not all(_is_token(token) for token in tokens) or not all(
        isinstance(text, str) and text.isprintable() for text in texts
    ):
        raise CannotBeKept("The provider's tokens, scope or instance hold what can't be kept.")
    # Whoever runs the server may write as much as one answer may be long, for each of their users.
    if max(map(len, tokens)) > _MAX_TOKEN or sum(map(len, texts)) > _MAX_BESIDE:
        raise CannotBeKept("The provider's tokens, scope or instance are too long to be kept.")
    return {
        "access_token": Secret.seal(grant.access_token),
        "refresh_token": Secret.seal(grant.refresh_token) if grant.refresh_token else None,
        "expires_at": grant.expires_at,
        "scope": grant.scope,
        "extra": dict(grant.extra),
    }
