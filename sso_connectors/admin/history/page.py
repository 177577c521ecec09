"""The history's page, and the return to an earlier version."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import PAGE_VAR
from django.core.exceptions import PermissionDenied
from django.core.paginator import Page, Paginator
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.utils.formats import date_format
from django.utils.text import capfirst
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from users.admin import PASSWORD_REMOVED
from users.models import User

from ...models import Connector, State
from ..attempts.page import may_see_people
from ..connectors.staff_connectors import (
    OWN_PASSWORD,
    may_change_trust,
    own_password_field,
    wrong_password,
)
from .differences import differences
from .entries import Entry, Viewer, entries, stream
from .restore import Return, plan, returned_fields

_PER_PAGE: Final = 30


class KeepsHistory(admin.ModelAdmin[Any]):
    """Mixed into the admin of connectors and of users. A deleted object is beyond return."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.return_view)
        address = "<path:object_id>/history/<int:history_id>/return/"
        return [path(address, view, name=self._return_name()), *super().get_urls()]

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        item = self.get_object(request, unquote(object_id))
        if item is None:
            raise Http404
        if not self.has_view_permission(request, item):
            raise PermissionDenied
        viewer = Viewer(
            sees_links=request.user.has_perm("sso_connectors.view_link"),
            sees_users=request.user.has_perm("users.view_user"),
            sees_people=may_see_people(request),
        )
        paginator = Paginator(stream(item, viewer), _PER_PAGE)
        page: Page[Any] = paginator.get_page(request.GET.get(PAGE_VAR))
        context = {
            "entries": self._with_ways_back(request, item, entries(item, viewer, page)),
            "page": page,
            "page_range": list(paginator.get_elided_page_range(page.number)),
            "page_var": PAGE_VAR,
            **(extra_context or {}),
        }
        return self._respond(request, "admin/history.html", item, _("History"), context)

    @method_decorator(sensitive_post_parameters(OWN_PASSWORD))
    def return_view(self, request: HttpRequest, object_id: str, history_id: int) -> HttpResponse:
        """Ask, showing what would change; and do it, unless somebody changed it meanwhile."""
        with transaction.atomic():
            planned, newest = self._plan(request, object_id, history_id)
            is_asked = request.method == "POST" and planned.differences
            is_stale = request.POST.get("newest") != str(newest)
            error = ""
            if is_asked and not is_stale and not planned.problems:
                error = self._unconfirmed(request, planned)
            if is_asked and not is_stale and not planned.problems and not error:
                planned.save()
                self._tell(request, planned)
                return self._to_history(planned.item)
        if not planned.differences:
            messages.info(request, _("There is no difference from that version any more."))
            return self._to_history(planned.item)
        if is_asked and is_stale:
            messages.warning(
                request,
                _(
                    "It was changed in the meantime, so nothing was restored. Check the "
                    "differences again."
                ),
            )
        context = {"planned": planned, "newest": newest, "error": error}
        if _lets_staff_in(planned):
            context["own_password"] = own_password_field().widget.render(
                OWN_PASSWORD, None, {"id": "id_own_password", "required": True, "form": "return"}
            )
        return self._respond(
            request, "admin/history_return.html", planned.item, _("Restore this version"), context
        )

    @sensitive_variables("now", "item")
    def _plan(self, request: HttpRequest, object_id: str, history_id: int) -> tuple[Return, int]:
        """Return what a return would do, and the newest version that it was compared with."""
        now = self.get_object(request, unquote(object_id))
        if now is None:
            raise Http404
        item = get_object_or_404(self.model._default_manager.select_for_update(), pk=now.pk)
        now = self.model._default_manager.get(pk=item.pk)
        if not self._may_return(request, now):
            raise PermissionDenied
        versions = self.model.history.filter(id=item.pk)
        version = versions.filter(pk=history_id).first()
        if version is None:
            raise Http404
        planned = plan(now, item, version)
        if planned.fields & self._closed(request, now):
            raise PermissionDenied
        return planned, versions.order_by("history_date", "history_id").last().pk

    def _unconfirmed(self, request: HttpRequest, planned: Return) -> Any:
        """What is wrong with the password, where the version lets staff sign in; "" where nothing is."""
        if not _lets_staff_in(planned):
            return ""
        return wrong_password(request, request.POST.get(OWN_PASSWORD, ""))

    def _may_return(self, request: HttpRequest, item: Any) -> bool:
        # Versions of a connector that signs staff in are the superusers', whatever they differ in.
        kept = isinstance(item, Connector) and item.staff_may_sign_in
        return self.has_change_permission(request, item) and (
            not kept or may_change_trust(request, item)
        )

    def _closed(self, request: HttpRequest, item: Any) -> set[str]:
        """Fields that this person may not change, by the same rules as on the form."""
        return {str(name) for name in self.get_readonly_fields(request, item)}

    def _with_ways_back(
        self, request: HttpRequest, item: Any, page: Iterable[Entry]
    ) -> list[Entry]:
        found = list(page)
        if not self._may_return(request, item):
            return found
        fields = returned_fields(self.model.history.model)
        closed = self._closed(request, item)
        for place, entry in enumerate(found):
            if entry.version is None:
                continue
            changed = {each.field for each in differences(item, entry.version, fields)}
            if changed and not changed & closed:
                address = reverse(f"admin:{self._return_name()}", args=[item.pk, entry.version.pk])
                found[place] = replace(entry, return_to=address)
        return found

    def _tell(self, request: HttpRequest, planned: Return) -> None:
        when = date_format(localtime(planned.version.history_date), "DATETIME_FORMAT")
        messages.success(
            request,
            _("%(name)s was restored to the version of %(time)s.")
            % {"name": planned.item, "time": when},
        )
        for note in planned.notes:
            messages.warning(request, note)
        if isinstance(planned.item, User) and planned.item.has_lost_password:
            messages.warning(request, PASSWORD_REMOVED % {"user": planned.item})
        if isinstance(planned.item, Connector) and planned.item.state == State.READY:
            messages.info(request, _("What it trusts may have changed. Test it."))

    def _return_name(self) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_return"

    def _to_history(self, item: Any) -> HttpResponse:
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_history"
        return HttpResponseRedirect(reverse(name, args=[item.pk]))

    def _respond(
        self, request: HttpRequest, template: str, item: Any, title: str, context: dict[str, Any]
    ) -> HttpResponse:
        request.current_app = self.admin_site.name
        return TemplateResponse(
            request,
            template,
            {
                **self.admin_site.each_context(request),
                "title": title,
                "subtitle": str(item),
                "module_name": str(capfirst(self.opts.verbose_name_plural)),
                "object": item,
                "opts": self.opts,
                **context,
            },
        )


def _lets_staff_in(planned: Return) -> bool:
    is_of_connector = isinstance(planned.item, Connector)
    return (
        is_of_connector and "staff_may_sign_in" in planned.fields and planned.item.staff_may_sign_in
    )
