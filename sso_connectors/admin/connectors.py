"""Connectors: the list with its cog-wheel menu, and the form."""

from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from .. import addresses
from ..models import COMPLETE, TRUST_FIELDS, Connector, ConnectorType, State
from .cells import certificate_list, cog, copyable, shortened, state_pills
from .deletion import CountedDeletion
from .forms import ConnectorForm

_CHANGE_TRUST = "sso_connectors.change_trust"


class StateFilter(admin.SimpleListFilter):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(state.value, str(state.label)) for state in State]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Connector]) -> QuerySet[Connector]:
        conditions: dict[str | None, Q] = {
            State.DRAFT: ~COMPLETE,
            State.DISABLED: COMPLETE & Q(enabled=False),
            State.READY: Q(enabled=True),
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
    readonly_fields = ("login_address_field", "identity", "reply_url", "understood")
    fieldsets = (
        (None, {"fields": ("name", "reference", "login_address_field", "type")}),
        (
            _("Give these to the identity provider"),
            {"fields": ("identity", "reply_url"), "classes": ("give",)},
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
            _("Finer points"),
            {
                "fields": ("binding", "username_attribute", "force_authn"),
                "classes": ("type-saml2",),
            },
        ),
        (
            _("The external tool"),
            {
                "fields": ("authentication_method",),
                "classes": ("type-oauth2",),
                "description": _(
                    "In this version an OAUTH 2 connector can be kept as a draft; "
                    "agents can't sign in through it yet."
                ),
            },
        ),
        (_("Who and when"), {"fields": ("contact", "staff_may_sign_in", "enabled")}),
    )

    # --- the list ----------------------------------------------------------------------------

    @admin.display(description=_("issuer URL"), ordering="issuer_url", empty_value="–")
    def issuer(self, connector: Connector) -> SafeString | str | None:
        return shortened(connector.issuer_url) if connector.issuer_url else None

    @admin.display(description=_("endpoint"), ordering="endpoint", empty_value="–")
    def endpoint_address(self, connector: Connector) -> SafeString | str | None:
        return shortened(connector.endpoint) if connector.endpoint else None

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
        return copyable(addresses.identity(), gettext("The identity is in the clipboard."))

    @admin.display(description=_("Reply URL (ACS)"))
    def reply_url(self, connector: Connector) -> SafeString:
        return copyable(addresses.reply_url(), gettext("The reply URL is in the clipboard."))

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
        fieldsets = super().get_fieldsets(request, obj)
        if self.has_view_or_change_permission(request, obj) and request.user.has_perm(
            _CHANGE_TRUST
        ):
            return fieldsets
        return [
            (
                title,
                {**options, "fields": [f for f in options["fields"] if f != "confirm_validity"]},
            )
            for title, options in fieldsets
        ]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and request.user.has_perm(_CHANGE_TRUST)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"enabled": True, **super().get_changeform_initial_data(request)}

    def save_model(
        self, request: HttpRequest, obj: Connector, form: ConnectorForm, change: bool
    ) -> None:
        super().save_model(request, obj, form, change)
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
