"""Bring every secret in the database under the first of FIELD_ENCRYPTION_KEYS."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from django.apps import apps
from django.apps.registry import Apps
from django.db import models
from django.db.models.functions import Cast

from ..models import Connector
from ..secrets.encryption import Secret, SecretField, UnreadableSecret

_BATCH: Final = 500


@dataclass
class Tally:
    """How the secrets of one field stand.

    stale: made by another key than the first, and brought under the first where that was asked for.
    changed: stale, too, but somebody else wrote the row meanwhile; their value stands.
    unreadable: whose they are; they were left as they are.
    """

    kind: str
    current: int = 0
    stale: int = 0
    changed: int = 0
    unreadable: list[str] = field(default_factory=list)


def rotate(*, write: bool, registry: Apps = apps) -> list[Tally]:
    """Re-encrypt what the first key didn't make, or only count it; one Tally for each SecretField.

    Safe beside a running product, and to run again.
    """
    return [
        _rotate_field(model, secret_field, write=write)
        for model in registry.get_models()
        for secret_field in model._meta.local_concrete_fields
        if isinstance(secret_field, SecretField)
    ]


def _rotate_field(model: type[models.Model], secret_field: SecretField, *, write: bool) -> Tally:
    name = secret_field.attname
    tally = Tally(f"{model._meta.verbose_name}, {secret_field.verbose_name}")
    for pk, owner, secret in _secrets(model, name):
        if secret.is_current:
            tally.current += 1
            continue
        try:
            fresh = secret.resealed()
        except UnreadableSecret:
            tally.unreadable.append(f"{owner}: {name}")
            continue
        if not write or _replace(model, pk, name, old=secret, new=fresh):
            tally.stale += 1
        else:
            tally.changed += 1
    return tally


def _secrets(model: type[models.Model], name: str) -> Iterator[tuple[Any, str, Secret]]:
    """Key, owner in words, and secret of every row that has one, a batch at a time."""
    path = _reference_path(model)
    rows = model._base_manager.filter(**{f"{name}__isnull": False}).order_by("pk")
    batch = list(rows.values_list("pk", path, name)[:_BATCH])
    while batch:
        for pk, reference, secret in batch:
            has_connector = path != "pk" and reference is not None
            owner = f"connector {reference}" if has_connector else f"{model._meta.label} {pk}"
            yield pk, owner, secret
        batch = list(rows.filter(pk__gt=pk).values_list("pk", path, name)[:_BATCH])


def _reference_path(model: type[models.Model]) -> str:
    """Where the reference of a row's connector stands, or "pk" where a row has none."""
    if model is Connector:
        return "reference"
    for column in model._meta.concrete_fields:
        if column.related_model is Connector:
            return f"{column.name}__reference"
    return "pk"


def _replace(model: type[models.Model], pk: Any, name: str, *, old: Secret, new: Secret) -> bool:
    """Put `new` for `old` if it still stands there; otherwise a newer secret would be lost.

    Each row is a transaction of its own: with several, two that write in another order block
    each other.
    """
    unchanged = model._base_manager.alias(stored=Cast(name, models.TextField())).filter(
        pk=pk, stored=old.token
    )
    return unchanged.update(**{name: new}) == 1
