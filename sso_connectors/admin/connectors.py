"""Connectors: the list with its cog-wheel menu, and the form."""

from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.utils import flatten_fieldsets
from django.db.models import Q, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_post_parameters

from .. import addresses
from ..models import COMPLETE, TRUST_FIELDS, Connector, ConnectorType, State
from .cells import certificate_list, cog, copyable, shortened, state_pills
from .deletion import CountedDeletion
from .forms import ConnectorForm
from .oauth2_fields import about_secret, options_by_field, stored_options, where_to_register

_CHANGE_TRUST = "sso_connectors.change_trust"
_ONLY_INPUTS = ("confirm_validity", "client_secret")


class StateFilter(admin.SimpleListFilter):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(state.value, str(state.label)) for state in State]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Connector]) -> QuerySet[Connector]:
        conditions: dict[str | None, Q] = {
            State.DRAFT: ~COMPLETE,
            State.DISABLED: COMPLETE & Q(enabled=False),
            State.READY: Q(enabled=True, tested_at=None, failing_cause=""),
            State.TESTED: Q(enabled=True, tested_at__isnull=False, failing_cause=""),
            State.FAILING: Q(enabled=True) & ~Q(failing_cause=""),
        }
        condition = conditions.get(self.value())
        return queryset if condition is None else queryset.filter(condition)


@admin.register(Connector)
class ConnectorAdmin(CountedDeletion, admin.ModelAdmin[Connector]):
    form = ConnectorForm
    list_display = (
        "name",
        "reference",
        "type",
        "method",
        "issuer",
        "endpoint_address",
        "identifier",
        "state",
        "menu",
    )
    list_filter = (StateFilter, "type", "authentication_method", "identifier_format")
    search_fields = ("name", "reference", "issuer_url", "endpoint", "contact")
    search_help_text = _("Search by name, reference, issuer URL, endpoint or contact")
    list_per_page = 50
    show_full_result_count = False
    actions = ("copy_login_addresses",)
    save_on_top = False
    readonly_fields = (
        "login_address_field",
        "identity",
        "reply_url",
        "redirect_uri",
        "understood",
        "stored_secret",
        "stored_options",
    )
    fieldsets = (
        (None, {"fields": ("name", "reference", "login_address_field", "type")}),
        (
            _("The external tool"),
            {"fields": ("authentication_method",), "classes": ("type-oauth2",)},
        ),
        (
            _("Give these to the identity provider"),
            {"fields": ("identity", "reply_url", "redirect_uri"), "classes": ("give",)},
        ),
        (
            _("Paste these from the identity provider"),
            {
                "fields": (
                    "issuer_url",
                    "endpoint",
                    "identifier_format",
                    "certificates",
                    "confirm_validity",
                    "understood",
                ),
                "classes": ("type-saml2",),
            },
        ),
        (
            _("Paste these from the external tool"),
            {"fields": ("client_id", "client_secret"), "classes": ("type-oauth2",)},
        ),
        (
            _("Finer points"),
            {"fields": ("binding", "username_attribute"), "classes": ("type-saml2",)},
        ),
        (
            _("Who and when"),
            {"fields": ("force_authn", "contact", "staff_may_sign_in", "enabled")},
        ),
    )

    # --- the list ----------------------------------------------------------------------------

    @admin.display(description=_("issuer URL"), ordering="issuer_url", empty_value="–")
    def issuer(self, connector: Connector) -> SafeString | str | None:
        return shortened(connector.issuer_url) if connector.issuer_url else None

    @admin.display(description=_("endpoint"), ordering="endpoint", empty_value="–")
    def endpoint_address(self, connector: Connector) -> SafeString | str | None:
        # A connector that was of the other type once still has one.
        is_used = connector.endpoint and connector.type == ConnectorType.SAML2
        return shortened(connector.endpoint) if is_used else None

    @admin.display(
        description=_("SAML identifier format"), ordering="identifier_format", empty_value="–"
    )
    def identifier(self, connector: Connector) -> str | None:
        return connector.identifier_format if connector.type == ConnectorType.SAML2 else None

    @admin.display(description=_("authentication method"), ordering="authentication_method")
    def method(self, connector: Connector) -> str:
        return connector.get_authentication_method_display() or "–"

    @admin.display(description=_("state"), ordering="enabled")
    def state(self, connector: Connector) -> SafeString:
        return state_pills(connector)

    @admin.display(description=format_html('<span class="visually-hidden">{}</span>', _("Menu")))
    def menu(self, connector: Connector) -> SafeString:
        return cog(
            connector,
            format_html(
                '<button type="button" data-copy="{}" data-copied="{}">{}</button>',
                connector.login_address,
                _("The login address of %(name)s is in the clipboard.") % {"name": connector.name},
                _("Copy the login address used on %(product)s") % {"product": _product()},
            ),
        )

    def get_actions(self, request: HttpRequest) -> Any:
        actions = super().get_actions(request)
        action = actions.get("copy_login_addresses")
        if action is not None:
            label = _("Copy the login address used on %(product)s") % {"product": _product()}
            actions["copy_login_addresses"] = (action[0], action[1], str(label))
        return actions

    @admin.action(permissions=["view"])
    def copy_login_addresses(
        self, request: HttpRequest, queryset: QuerySet[Connector]
    ) -> HttpResponse:
        return TemplateResponse(
            request,
            "admin/sso_connectors/login_addresses.html",
            {
                **self.admin_site.each_context(request),
                "title": _("Login addresses used on %(product)s") % {"product": _product()},
                "opts": self.opts,
                "connectors": queryset,
            },
        )

    # --- the form ----------------------------------------------------------------------------

    @admin.display(description=_("login address"))
    def login_address_field(self, connector: Connector) -> SafeString:
        if connector.pk is None:
            return format_html(
                '<code id="login-address-preview" data-base="{0}">{0}…</code>',
                addresses.login_address(""),
            )
        return copyable(connector.login_address, gettext("The login address is in the clipboard."))

    @admin.display(description=_("Identity (Entity ID)"))
    def identity(self, connector: Connector) -> SafeString:
        return format_html(
            '<span data-types="saml2">{}</span>',
            copyable(addresses.identity(), gettext("The identity is in the clipboard.")),
        )

    @admin.display(description=_("Reply URL (ACS)"))
    def reply_url(self, connector: Connector) -> SafeString:
        return format_html(
            '<span data-types="saml2">{}</span>',
            copyable(addresses.reply_url(), gettext("The reply URL is in the clipboard.")),
        )

    @admin.display(description=_("Redirect URI"))
    def redirect_uri(self, connector: Connector) -> SafeString:
        return format_html(
            '<div data-types="oauth2">{}{}</div>',
            copyable(addresses.reply_url(), gettext("The redirect URI is in the clipboard.")),
            where_to_register(),
        )

    @admin.display(description=_("client secret"))
    def stored_secret(self, connector: Connector) -> str:
        return about_secret(connector.client_secret) or "–"

    @admin.display(description=_("options"))
    def stored_options(self, connector: Connector) -> SafeString | str:
        return stored_options(connector)

    @admin.display(description=_("understood as"))
    def understood(self, connector: Connector) -> SafeString | str:
        if not connector.certificates:
            return gettext("Nothing yet. After saving, each certificate is described here.")
        return certificate_list(connector.signing_certificates)

    def get_readonly_fields(
        self, request: HttpRequest, obj: Connector | None = None
    ) -> tuple[str, ...]:
        fields = tuple(self.readonly_fields)
        if not request.user.has_perm(_CHANGE_TRUST):
            fields += TRUST_FIELDS
        if not request.user.is_superuser:
            # A customer's IdP could otherwise be made to name its way into the Maker.
            fields += ("staff_may_sign_in",)
        return fields

    def get_fieldsets(self, request: HttpRequest, obj: Connector | None = None) -> Any:
        """With inputs, or with what is stored where somebody may only read it."""
        may_change = (
            self.has_add_permission(request)
            if obj is None
            else self.has_change_permission(request, obj)
        )
        if may_change and request.user.has_perm(_CHANGE_TRUST):
            more = tuple(options_by_field())
            hidden: tuple[str, ...] = ()
        else:
            more = ("stored_secret", "stored_options")
            hidden = _ONLY_INPUTS
        fieldsets = []
        for title, options in super().get_fieldsets(request, obj):
            fields = tuple(options["fields"])
            if "client_id" in fields:
                fields += more
            shown = tuple(name for name in fields if name not in hidden)
            fieldsets.append((title, {**options, "fields": shown}))
        return fieldsets

    def get_form(
        self,
        request: HttpRequest,
        obj: Connector | None = None,
        change: bool = False,
        **kwargs: Any,
    ) -> type[ModelForm[Connector]]:
        # The form itself adds what isn't a plain field of the model: the secret and the options.
        shown = flatten_fieldsets(self.get_fieldsets(request, obj))
        kwargs["fields"] = [name for name in shown if name in ConnectorForm.Meta.fields]
        return super().get_form(request, obj, change=change, **kwargs)

    # The report of a fault, mailed or logged, holds all else that was posted.
    @method_decorator(sensitive_post_parameters("client_secret"))
    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return super().changeform_view(request, *args, **kwargs)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and request.user.has_perm(_CHANGE_TRUST)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"enabled": True, **super().get_changeform_initial_data(request)}

    def save_model(
        self, request: HttpRequest, obj: Connector, form: ConnectorForm, change: bool
    ) -> None:
        super().save_model(request, obj, form, change)
        if form.has_parted_with_secret:
            messages.warning(
                request,
                _(
                    "The stored client secret was given before the provider was this one, and was "
                    "forgotten: "
                    "type the one of this provider."
                ),
            )
        if obj.state == State.DRAFT:
            messages.warning(
                request, _("Saved as a draft: nobody can sign in through it until it is complete.")
            )
        for item in obj.signing_certificates:
            if item.is_expiring:
                messages.warning(
                    request,
                    _("A certificate of %(name)s ends on %(date)s: %(subject)s.")
                    % {
                        "name": obj.name,
                        "date": f"{item.valid_until:%Y-%m-%d}",
                        "subject": item.subject,
                    },
                )


def _product() -> str:
    return str(settings.PRODUCT_NAME)
