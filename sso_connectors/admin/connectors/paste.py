"""*Paste anything* on the connector's page: its button, with JavaScript and without. Nothing is saved."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from ...certificates.parsing import MAX_PASTE
from ...models import Connector
from ...reader.idp_words import IDPS
from .paste_form import FILE
from .paste_result import MAX_FILE, Reading, read_into
from .staff_connectors import CHANGE_TRUST


class ReadsPaste(admin.ModelAdmin[Connector]):
    """Mixed into the connectors' admin."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.read_paste)
        return [
            path("read-paste/", view, name="sso_connectors_connector_read"),
            *super().get_urls(),
        ]

    @method_decorator(require_POST)
    @method_decorator(sensitive_post_parameters())
    def read_paste(self, request: HttpRequest) -> HttpResponse:
        """For maker.js: the piece of the page that shows what was read of the form's box."""
        reading = self._reading(request)
        return render(request, "admin/sso_connectors/connector/reading.html", {"reading": reading})

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """Without JavaScript *Read* sends the form itself; what it fetches, it fetches before the
        admin opens its transaction, which would hold up everybody's writes."""
        more = dict(extra_context or {})
        if request.method == "POST" and "_read" in request.POST:
            more["reading"] = self._reading(request)
        return super().changeform_view(request, object_id, form_url, more)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> Any:
        form = context["adminform"].form
        connector = context.get("original")
        may_save = (
            self.has_change_permission(request, connector)
            if connector
            else self.has_add_permission(request)
        )
        if "certificates" in form.fields and may_save:
            context |= {
                "may_paste": True,
                "idps": IDPS,
                "words_of": form.words_of,
                "longest_paste": MAX_PASTE,
                "longest_file": MAX_FILE,
            }
        return super().render_change_form(request, context, *args, **kwargs)

    def _reading(self, request: HttpRequest) -> Reading:
        # What is fetched for whoever may not use it would only serve to look around from here.
        if not request.user.has_perm(CHANGE_TRUST):
            raise PermissionDenied
        return read_into(request.POST, request.FILES.get(FILE))
