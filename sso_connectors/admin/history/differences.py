"""What differs between two versions of a connector or a user, field by field and in words."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db import models
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from ...certificates.parsing import SigningCertificate, load_certificates
from ...providers import PROVIDERS

_NOTHING = "–"


@dataclass(frozen=True)
class Difference:
    """old: "" where there was no earlier version at all."""

    field: str
    label: str
    old: SafeString | str
    new: SafeString | str


def kept_fields(history: type[models.Model]) -> list[models.Field[Any, Any]]:
    """What a version holds of its object, as opposed to what is known of the change."""
    return [
        field
        for field in history._meta.concrete_fields
        if not field.name.startswith("history_") and field.name != "id"
    ]


def differences(old: Any, new: Any, fields: Iterable[models.Field[Any, Any]]) -> list[Difference]:
    """Compare two versions, or a version and the object itself; `old` None: there was nothing yet."""
    found = []
    shown: tuple[SafeString | str, SafeString | str]
    for field in fields:
        before = _blank(field) if old is None else getattr(old, field.attname)
        after = getattr(new, field.attname)
        if before == after:
            continue
        if field.name == "certificates":
            shown = _certificates(before, after)
        elif field.name == "options":
            shown = _options(old, before, after), _options(new, after, before)
        else:
            shown = _text(field, before), _text(field, after)
        if old is None:
            shown = "", shown[1]
        found.append(Difference(field.name, capfirst(str(field.verbose_name)), *shown))
    return found


def _blank(field: models.Field[Any, Any]) -> Any:
    if isinstance(field, models.BooleanField):
        return field.get_default()
    return {} if field.name == "options" else "" if not field.null else None


def _text(field: models.Field[Any, Any], value: Any) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if value in ("", None):
        return _NOTHING
    if field.name == "client_secret_set_at":
        return _("set on %(time)s") % {"time": _time(value)}
    if isinstance(field, models.DateTimeField):
        return _time(value)
    return str(dict(field.flatchoices).get(value, value))


def _time(value: Any) -> str:
    return date_format(localtime(value), "DATETIME_FORMAT")


def _certificates(before: str, after: str) -> tuple[SafeString | str, SafeString | str]:
    """Those that went, and those that came."""
    old, new = _read(before), _read(after)
    return (
        _certificate_list(item for key, item in old.items() if key not in new),
        _certificate_list(item for key, item in new.items() if key not in old),
    )


def _read(pem: str) -> dict[str, SigningCertificate]:
    try:
        return {item.fingerprint: item for item in load_certificates(pem)}
    except ValueError:  # stored past every validation
        return {}


def _certificate_list(items: Iterator[SigningCertificate]) -> SafeString | str:
    rows = [
        (
            item.subject,
            _("until %(date)s") % {"date": date_format(item.valid_until)},
            item.fingerprint,
        )
        for item in items
    ]
    listed = format_html_join("", "<li>{}, {} <code>{}</code></li>", rows)
    return format_html("<ul>{}</ul>", listed) if rows else _NOTHING


def _options(version: Any, mine: Any, other: Any) -> SafeString | str:
    """The options of a version that the other one hasn't, under the names that its method gives them."""
    provider = PROVIDERS.get(version.authentication_method) if version is not None else None
    labels = {option.name: option.label for option in (provider.options if provider else ())}
    rows = [
        (labels.get(name, name), _("yes") if value is True else value)
        for name, value in sorted(mine.items())
        if other.get(name) != value
    ]
    return format_html_join("", "<div>{}: <code>{}</code></div>", rows) or _NOTHING
