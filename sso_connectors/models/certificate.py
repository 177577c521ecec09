"""Rows that describe the certificates of connectors, for lists, warnings and when each was last used."""

from collections.abc import Iterable
from typing import ClassVar, Self

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ..certificates.parsing import SigningCertificate


class Certificate(models.Model):
    """Describes one of a connector's certificates and when it last verified a sign-in.

    What a connector trusts is its column `certificates`; these rows only follow it.
    """

    connector = models.ForeignKey(
        "sso_connectors.Connector", on_delete=models.CASCADE, related_name="certificate_rows"
    )
    fingerprint = models.CharField(_("SHA-256 fingerprint"), max_length=95)
    subject = models.CharField(_("subject"), max_length=500)
    valid_from = models.DateTimeField(_("valid from"))
    valid_until = models.DateTimeField(_("valid until"), db_index=True)
    added_at = models.DateTimeField(_("added"), default=timezone.now)
    last_used_at = models.DateTimeField(_("last used"), null=True)
    warned_at_days = models.PositiveSmallIntegerField(
        null=True,
        editable=False,
        help_text=_(
            "How many days were left when the contact was last notified that "
            "the certificate expires. 0: notified that it has expired."
        ),
    )

    class Meta:
        verbose_name = _("certificate")
        verbose_name_plural = _("certificates")
        ordering: ClassVar = ["valid_until", "pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["connector", "fingerprint"], name="certificate_once")
        ]

    def __str__(self) -> str:
        return self.fingerprint

    @staticmethod
    def describe(connector_id: int, certificates: Iterable[SigningCertificate]) -> None:
        """Make the rows of a connector those of its certificates; the others keep their last use."""
        trusted = {item.fingerprint: item for item in certificates}
        rows = Certificate.objects.filter(connector_id=connector_id)
        known = set(rows.values_list("fingerprint", flat=True))
        if known == set(trusted):
            return
        rows.exclude(fingerprint__in=trusted).delete()
        Certificate.objects.bulk_create(
            Certificate.of(connector_id, item)
            for fingerprint, item in trusted.items()
            if fingerprint not in known
        )

    @classmethod
    def of(cls, connector_id: int, item: SigningCertificate) -> Self:
        """A new row, not stored yet."""
        return cls(
            connector_id=connector_id,
            fingerprint=item.fingerprint,
            subject=item.subject[:500],
            valid_from=item.valid_from,
            valid_until=item.valid_until,
        )
