"""The Maker: Django's admin under our name, with a few manners of its own."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.views import PasswordChangeView
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from users.passwords import OwnPasswordForm

from .overview import Overview

PASSWORD_VIEWS = {"password_change", "password_change_done", "logout"}
# Django's own strings, for which our catalogues have better words: they come before Django's.
SAID_OTHERWISE = (
    gettext_noop("Add %s"),
    gettext_noop("Add %(name)s"),
    gettext_noop("Add another %(verbose_name)s"),
)


class PasswordForm(AdminAuthenticationForm):
    error_messages = AdminAuthenticationForm.error_messages | {
        # The same for each cause: it must not tell whom we know, nor who is staff.
        "invalid_login": _(
            "This username and password don't open the Maker. Check "
            "both: passwords are case-sensitive."
        ),
    }
    # Django's own field would map look-alikes (NFKC) to somebody's username before we see them.
    username = forms.CharField(
        label=_("Username"),
        widget=forms.EmailInput(attrs={"autofocus": True, "autocomplete": "username"}),
    )


class OwnPasswordView(PasswordChangeView):
    form_class = OwnPasswordForm

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "request": self.request}


class MakerSite(admin.AdminSite):
    login_form = PasswordForm
    site_header = _("Maker")
    index_title = _("Overview")
    enable_nav_sidebar = False  # the header has the few lists

    @property
    def site_title(self) -> str:  # type: ignore[override]
        return f"Maker · {settings.PRODUCT_NAME}"

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """Apps of one name are one: Django's groups stand with our users."""
        wanted = app_label and apps.get_app_config(app_label).verbose_name
        found: dict[str, Any] = {}
        for app in super().get_app_list(request):
            if app["name"] in found:
                found[app["name"]]["models"] += app["models"]
            elif wanted in (None, app["name"]):
                found[app["name"]] = app
        return list(found.values())

    def index(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        overview = Overview(request.user)
        return super().index(request, {**(extra_context or {}), "overview": overview})

    def password_change(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        """As Django's, with our form."""
        request.current_app = self.name
        view = OwnPasswordView.as_view(
            success_url=reverse("admin:password_change_done", current_app=self.name),
            extra_context={**self.each_context(request), **(extra_context or {})},
        )
        return view(request)

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Any:
        """Also lead whoever came with a one-time password to choosing their own."""
        guarded = super().admin_view(view, cacheable)

        def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            match = request.resolver_match
            if (
                request.user.is_authenticated
                and request.user.must_change_password
                and (match is None or match.url_name not in PASSWORD_VIEWS)
            ):
                return HttpResponseRedirect(reverse("admin:password_change"))
            response: HttpResponse = guarded(request, *args, **kwargs)
            return response

        return inner
