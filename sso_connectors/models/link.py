"""Links: who may sign in through which connector, and why a link doesn't let its user in now."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from users.authors import Authored

from ..history.reasons import History
from .connector import Connector


class Link(models.Model):
    """A user's tie to a connector: the permission to sign in through it."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="links",
        verbose_name=_("user"),
    )
    connector = models.ForeignKey(
        Connector, on_delete=models.CASCADE, related_name="links", verbose_name=_("SSO connector")
    )
    # NULL while it is not known: the unique constraint must not see those as equal.
    subject = models.CharField(  # noqa: DJ001
        _("permanent ID"),
        max_length=512,
        null=True,
        blank=True,
        editable=False,
        help_text=_(
            "The identity provider's permanent ID for this person, stored at the first sign-in."
        ),
    )
    created_at = models.DateTimeField(_("linked"), auto_now_add=True)
    last_sign_in_at = models.DateTimeField(_("last sign-in"), null=True, blank=True, editable=False)
    history = HistoricalRecords(
        excluded_fields=["subject", "last_sign_in_at", "created_at"],
        bases=[Authored],
        history_manager=History,
    )

    class Meta:
        verbose_name = _("link")
        verbose_name_plural = _("links")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["user", "connector"],
                name="link_once",
                violation_error_message=_("The user is already linked to this connector."),
            ),
            models.UniqueConstraint(fields=["connector", "subject"], name="link_subject_once"),
            models.CheckConstraint(name="link_subject_not_empty", condition=~Q(subject="")),
        ]

    def __str__(self) -> str:
        return f"{self.user} – {self.connector}"


def obstacle(link: Link | None, *, once_enabled: bool = False) -> str:
    """Why a link doesn't let its user in now; "" when it does.

    once_enabled: why it wouldn't even when its connector is enabled.

    Staff get in only where a superuser lets this connector vouch for staff: otherwise whoever runs a
    customer's identity provider could name their way into the Maker.
    """
    if link is None:
        return "no such user, or not linked to this connector"
    if not link.user.is_active:
        return "the user is inactive"
    if not link.connector.enabled and not once_enabled:
        return "the connector is disabled"
    staff = link.user.is_staff or link.user.is_superuser
    if staff and not link.connector.staff_may_sign_in:
        return "the user is staff, and the connector may not sign staff in"
    return ""
