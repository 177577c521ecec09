"""What the history keeps beside the fields themselves: reasons, and when a secret was set."""

from datetime import datetime
from functools import cache
from typing import Any, Final

from django.db import models
from django.dispatch import receiver
from django.utils.translation import gettext_lazy as _
from simple_history.manager import HistoryManager
from simple_history.signals import pre_create_historical_record

from ..secrets.encryption import Secret, UnreadableSecret

# Reasons are stored, so they are never translated; the history's page says them in words.
BEGINNING: Final = "beginning"
APPLIED: Final = "sso_apply"
RETURNED: Final = "returned to "  # then the time of that version, in ISO 8601
KEY_STOLEN: Final = "key stolen"
SUBJECT_RESET: Final = "subject reset"
SUBJECTS_RESET: Final = "subjects reset: "  # of a whole connector; then how many
SUBJECT_RESET_AMONG_ALL: Final = "subject reset with its connector"


class History(HistoryManager):  # type: ignore[misc]  # django-simple-history ships no types
    """Makes its class once; django-simple-history makes one for each row that it writes."""

    @classmethod
    @cache
    def from_queryset(cls, queryset_class: Any, class_name: str | None = None) -> Any:
        return super().from_queryset(queryset_class, class_name)


class SecretTime(models.Model):
    """Base of a history that must tell that a secret changed, and must not hold it.

    The time at which the secret was sealed says it, to the second, and stays through a rotation of keys.
    """

    client_secret_set_at = models.DateTimeField(_("client secret"), null=True, editable=False)

    class Meta:
        abstract = True


@receiver(pre_create_historical_record)
def note_secret_time(
    sender: type[models.Model], instance: Any, history_instance: models.Model, **kwargs: Any
) -> None:
    if isinstance(history_instance, SecretTime):
        history_instance.client_secret_set_at = time_of(instance.client_secret)


def time_of(secret: Secret | None) -> datetime | None:
    """When a secret was set; None where there is none, or a damaged one."""
    try:
        return secret.sealed_at if secret is not None else None
    except UnreadableSecret:
        return None
