"""Return to an earlier version, through the same validation as any other change."""

from dataclasses import dataclass, field
from typing import Any, Final

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from ...history import reasons
from ...models import Connector, Link
from ...providers import trusted_provider
from .differences import Difference, differences, kept_fields

# The password stays the one of today, and so does what belongs to it.
_STAYS: Final = ("must_change_password",)


@dataclass
class Return:
    """What a return would do.

    item: the object as it would be saved. notes: what else happens, or doesn't. problems: why it can't be.
    """

    item: Any
    version: Any
    differences: list[Difference]
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def fields(self) -> set[str]:
        return {each.field for each in self.differences}

    def save(self) -> None:
        self.item._change_reason = reasons.RETURNED + self.version.history_date.isoformat()
        self.item.save()


def returned_fields(history: Any) -> list[Any]:
    """What a return brings back: what can be edited. A secret is in no version."""
    return [each for each in kept_fields(history) if each.editable and each.name not in _STAYS]


def plan(now: Any, item: Any, version: Any) -> Return:
    """Put `version` on `item`, which is what `now` is, and judge it; nothing is saved."""
    fields = returned_fields(type(version))
    for each in fields:
        setattr(item, each.attname, getattr(version, each.attname))
    notes = _part_with_secret(now, item) if isinstance(item, Connector) else []
    found = differences(now, item, fields)
    planned = Return(item, version, found, notes)
    if isinstance(item, Connector):
        planned.notes += _about_secret(now, version) + _about_certificates(now, item)
        planned.notes += _about_permanent_ids(now, item)
    try:
        item.full_clean()
    except ValidationError as error:
        for name, errors in error.error_dict.items():
            label = "" if name == NON_FIELD_ERRORS else f"{_label(item, name)}: "
            planned.problems += [f"{label}{text}" for each in errors for text in each.messages]
    return planned


def _label(item: Any, name: str) -> str:
    return str(capfirst(str(item._meta.get_field(name).verbose_name)))


def _part_with_secret(now: Connector, item: Connector) -> list[str]:
    """Whoever may return could otherwise have the stored secret sent to the provider of that time."""
    before = trusted_provider(now.authentication_method, now.options)
    if now.client_secret is None or before == trusted_provider(
        item.authentication_method, item.options
    ):
        return []
    item.client_secret = None
    notes = [
        _(
            "The stored client secret belongs to the current identity provider and is "
            "never sent to another one. It will be deleted. Afterwards, enter the client "
            "secret of the other identity provider."
        )
    ]
    if item.enabled and "client_secret" in item.missing():
        item.enabled = False
        notes.append(_("Without it, the connector is a draft, and nobody can sign in through it."))
    return notes


def _about_secret(now: Connector, version: Any) -> list[str]:
    if now.client_secret is None or version.client_secret_set_at is None:
        return []
    if reasons.time_of(now.client_secret) == version.client_secret_set_at:
        return []
    return [_("The client secret of that version is not kept, so it can't be restored.")]


def _about_permanent_ids(now: Connector, item: Connector) -> list[str]:
    remembered = Link.objects.filter(connector=now, subject__isnull=False)
    if now.identifier_format == item.identifier_format or not remembered.exists():
        return []
    return [
        _(
            "The identifier format changes, and permanent IDs of users are stored. If "
            "the identity provider then sends different ones or none, these users can't "
            "sign in until you reset their permanent IDs."
        )
    ]


def _about_certificates(now: Connector, item: Connector) -> list[str]:
    known = {each.fingerprint for each in now.signing_certificates}
    return [
        (
            _("The certificate of %(subject)s expired on %(date)s.")
            if each.is_expired
            else _("The certificate of %(subject)s is not valid until %(date)s.")
        )
        % {
            "subject": each.subject,
            "date": f"{each.valid_until if each.is_expired else each.valid_from:%Y-%m-%d}",
        }
        for each in item.signing_certificates
        if each.fingerprint not in known and (each.is_expired or each.is_not_yet_valid)
    ]
