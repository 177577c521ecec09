"""Enable and disable a connector from the cog wheel or from its page."""

from http import HTTPStatus

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from ...models import Connector
from .staff_connectors import may_change_trust


class Switches(admin.ModelAdmin[Connector]):
    """Mixed into the connectors' admin."""

    def get_urls(self) -> list[URLPattern]:
        return [
            path(
                f"<path:object_id>/{name}/",
                self.admin_site.admin_view(view),
                name=f"sso_connectors_connector_{name}",
            )
            for name, view in (("enable", self.enable), ("disable", self.disable))
        ] + super().get_urls()

    @method_decorator(require_POST)
    def enable(self, request: HttpRequest, object_id: str) -> HttpResponse:
        connector = self._to_switch(request, object_id)
        if self._switch(request, connector, on=True):
            messages.success(
                request,
                _("%(name)s is enabled. Agents can sign in through it.") % {"name": connector.name},
            )
        else:
            messages.error(
                request, _("A required field is missing, so the connector can't be enabled.")
            )
        return _page_of(connector)

    @method_decorator(require_http_methods(["GET", "POST"]))
    def disable(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask first, since it ends the sessions of everybody who is signed in through it."""
        connector = self._to_switch(request, object_id)
        if request.method == "GET":
            return TemplateResponse(
                request,
                "admin/sso_connectors/connector/disable.html",
                {
                    **self.admin_site.each_context(request),
                    "title": _("Disable %(name)s?") % {"name": connector.name},
                    "opts": self.opts,
                    "connector": connector,
                    "users": connector.links.count(),
                },
            )
        self._switch(request, connector, on=False)
        messages.success(
            request,
            _("%(name)s is disabled. Nobody can sign in through it, and its users are signed out.")
            % {"name": connector.name},
        )
        return _page_of(connector)

    def _to_switch(self, request: HttpRequest, object_id: str) -> Connector:
        connector: Connector | None = self.get_object(request, object_id)
        if connector is None:
            raise Http404
        if not may_switch(request, connector):
            raise PermissionDenied
        return connector

    def _switch(self, request: HttpRequest, connector: Connector, *, on: bool) -> bool:
        """Whether it could be."""
        with transaction.atomic():
            # What somebody else saves meanwhile counts, and must not be undone by this.
            current = get_object_or_404(Connector.objects.select_for_update(), pk=connector.pk)
            if not may_switch(request, current):
                raise PermissionDenied  # a superuser has let staff sign in meanwhile
            if on and current.missing():
                return False
            if current.enabled != on:
                current.enabled = on
                current.save(update_fields=["enabled", "updated_at"])
                self.log_change(request, current, [{"changed": {"fields": ["Enabled"]}}])
        return True


def may_switch(request: HttpRequest, connector: Connector) -> bool:
    may_change = request.user.has_perm("sso_connectors.change_connector")
    return may_change and may_change_trust(request, connector)


def switch_address(connector: Connector, *, on: bool) -> str:
    name = "enable" if on else "disable"
    return reverse(f"admin:sso_connectors_connector_{name}", args=[connector.pk])


def _page_of(connector: Connector) -> HttpResponse:
    return HttpResponseRedirect(
        reverse("admin:sso_connectors_connector_change", args=[connector.pk]),
        status=HTTPStatus.SEE_OTHER,
    )
