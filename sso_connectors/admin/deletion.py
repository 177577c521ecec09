"""What a deletion would take along, counted: the busiest connector has thousands of links."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import nsmallest
from typing import Any, Final, cast

from django.contrib import admin
from django.contrib.admin.utils import quote
from django.db import router
from django.db.models import Model, ProtectedError, QuerySet, RestrictedError
from django.db.models.deletion import Collector
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import ngettext

from users.models import User

from ..history.bulk import history_together

_NAMED: Final = 20


@dataclass
class _Rows:
    """Rows of one model that would be deleted: those that were read, and those only described."""

    read: list[Model] = field(default_factory=list)
    described: list[QuerySet[Any]] = field(default_factory=list)

    @cached_property
    def number(self) -> int:
        return len(self.read) + sum(rows.count() for rows in self.described)

    def __iter__(self) -> Iterator[Model]:
        yield from self.read
        for rows in self.described:
            yield from rows.iterator()

    def first(self) -> list[Model]:
        """The first few, with whatever their names are made of."""
        found: list[Model] = []
        if self.read:
            # The collector asks for no order, so a database may give its rows in any.
            keys = nsmallest(_NAMED, (row.pk for row in self.read))
            found += _with_names(type(self.read[0])._base_manager.filter(pk__in=keys))
        for rows in self.described:
            if len(found) < _NAMED:
                found += _with_names(rows)[: _NAMED - len(found)]
        return found


class CountedDeletion:
    """For a ModelAdmin: name the first rows of each kind, and say how many more there are.

    Django's own page names every row, and asks the database for each row's name.
    """

    opts: Any
    admin_site: admin.AdminSite

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[Any], dict[str, int], set[str], list[Any]]:
        """Return what Django's does: what to name, how many of each kind, what permissions are lacking,
        what protects itself.
        """
        collector = Collector(using=router.db_for_write(self.opts.model), origin=objs)
        try:
            collector.collect(objs)
        except (ProtectedError, RestrictedError) as error:
            protected = _Rows(read=list(error.args[1]))
            return [], {}, set(), self._named(protected)
        named: list[Any] = []
        counts: dict[str, int] = {}
        lacking: set[str] = set()
        for model, rows in _by_model(collector).items():
            if not rows.number:
                continue
            kind = str(model._meta.verbose_name_plural)
            counts[kind] = rows.number
            named += [capfirst(kind), self._named(rows)]
            if self._lacks_permission(request, model, rows):
                lacking.add(str(model._meta.verbose_name))
        return named, counts, lacking, []

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        with history_together(by=cast(User, request.user)):
            _hold(type(obj), [obj.pk])
            self.refuse_held(request, [obj.pk])
            obj.delete()

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        with history_together(by=cast(User, request.user)):
            _hold(queryset.model, queryset.values("pk"))
            self.refuse_held(request, queryset.values("pk"))
            queryset.delete()

    def refuse_held(self, request: HttpRequest, keys: Any) -> None:
        """Raise PermissionDenied if one of these, which nothing can join any more, is not to go."""

    def _lacks_permission(self, request: HttpRequest, model: type[Model], rows: _Rows) -> bool:
        # Each row is asked for: who may delete agents could otherwise delete a superuser among them.
        if not self.admin_site.is_registered(model):
            return False
        model_admin = self.admin_site.get_model_admin(model)
        return any(not model_admin.has_delete_permission(request, row) for row in rows)

    def _named(self, rows: _Rows) -> list[SafeString | str]:
        named = [self._name(row) for row in rows.first()]
        if more := rows.number - len(named):
            named.append(
                ngettext("and %(count)d more", "and %(count)d more", more) % {"count": more}
            )
        return named

    def _name(self, row: Model) -> SafeString | str:
        if not self.admin_site.is_registered(type(row)):
            return str(row)
        view = f"{self.admin_site.name}:{row._meta.app_label}_{row._meta.model_name}_change"
        return format_html('<a href="{}">{}</a>', reverse(view, args=[quote(row.pk)]), row)


def _hold(model: type[Model], keys: Any) -> None:
    """Let nothing new refer to these rows: a login that begins meanwhile would make their deletion fail."""
    list(model._base_manager.select_for_update().filter(pk__in=keys).values_list("pk"))


def _by_model(collector: Collector) -> dict[type[Model], _Rows]:
    """What would be deleted; what would only be changed, as attempts are, is not among it."""
    found: defaultdict[type[Model], _Rows] = defaultdict(_Rows)
    for model, instances in collector.data.items():
        found[model].read += instances
    for queryset in collector.fast_deletes:
        found[queryset.model].described.append(queryset)
    return found


def _with_names(rows: QuerySet[Any]) -> QuerySet[Any]:
    return rows.select_related().order_by("pk")
