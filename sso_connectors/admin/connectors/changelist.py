"""The list of connectors: its columns, its filters, and the cog-wheel menu of each row."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from django.conf import settings
from django.contrib import admin
from django.db.models import Case, IntegerField, Q, QuerySet, When
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from ...certificates.parsing import EXPIRING
from ...models import COMPLETE, Connector, ConnectorType, State
from ...operations import attention
from ..filters import CertificateFilter, RedirectUriFilter
from ..html import cog, shortened, state_pills
from ..linking import plans
from .enable_disable import may_switch, switch_address
from .test_sign_in import may_test

# How the list sorts by state; an expiring certificate comes right after what fails.
IN_NEED_FIRST: Final = Case(
    When(attention.WITHOUT_TENANT | attention.FAILING, then=0),
    When(Q(enabled=True, type=ConnectorType.SAML2, certificates_end__lt=Now() + EXPIRING), then=1),
    When(enabled=True, tested_at=None, then=2),
    When(enabled=True, then=3),
    When(COMPLETE & ~attention.LACKS_TENANT, then=4),
    default=5,
    output_field=IntegerField(),
)


class StateFilter(admin.SimpleListFilter):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(state.value, str(state.label)) for state in State]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Connector]) -> QuerySet[Connector]:
        conditions: dict[str | None, Q] = {
            State.DRAFT: ~COMPLETE | attention.LACKS_TENANT,
            State.DISABLED: COMPLETE & Q(enabled=False) & ~attention.LACKS_TENANT,
            State.READY: Q(enabled=True, tested_at=None, failing_cause="")
            & ~attention.LACKS_TENANT,
            State.TESTED: Q(enabled=True, tested_at__isnull=False, failing_cause="")
            & ~attention.LACKS_TENANT,
            State.FAILING: attention.FAILING,
        }
        condition = conditions.get(self.value())
        return queryset if condition is None else queryset.filter(condition)


class ConnectorList(admin.ModelAdmin[Connector]):
    """The part of the connectors' admin that is the list."""

    list_display = (
        "name",
        "reference",
        "type",
        "method",
        "issuer",
        "endpoint_address",
        "identifier",
        "state",
    )
    list_filter = (
        StateFilter,
        CertificateFilter,
        RedirectUriFilter,
        "type",
        "authentication_method",
        "identifier_format",
    )
    search_fields = ("name", "reference", "issuer_url", "endpoint", "contact")
    search_help_text = _("Search by name, reference, issuer URL, endpoint or contact")
    search_hint = _("Name, reference, address…")  # as much of it as the box has room for
    list_per_page = 50
    show_full_result_count = False
    actions = ("copy_login_addresses",)

    @admin.display(description=_("issuer URL"), ordering="issuer_url", empty_value="–")
    def issuer(self, connector: Connector) -> SafeString | str | None:
        # Of an OAUTH 2 connector it is worked out from the options, and is no field of its form.
        is_used = connector.issuer_url and connector.type == ConnectorType.SAML2
        return shortened(connector.issuer_url) if is_used else None

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

    @admin.display(description=_("state"), ordering=IN_NEED_FIRST)
    def state(self, connector: Connector) -> SafeString:
        return state_pills(connector)

    def get_list_display(self, request: HttpRequest) -> Any:
        return (*self.list_display, _menu_for(request))

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


# --- the menu ---------------------------------------------------------------------------------


def _menu_for(request: HttpRequest) -> Callable[[Connector], SafeString]:
    """The last column, with what whoever asks may do."""

    @admin.display(description=format_html('<span class="visually-hidden">{}</span>', _("Menu")))
    def menu(connector: Connector) -> SafeString:
        items = ((item,) for item in _items(request, connector))
        return cog(connector, format_html_join("", "{}", items))

    return menu


def _items(request: HttpRequest, connector: Connector) -> Iterator[SafeString]:
    yield copy_login_address(
        connector,
        gettext("Copy the login address used on %(product)s") % {"product": _product()},
    )
    view = "admin:sso_connectors_connector"
    if may_test(request, connector):
        yield _posting(reverse(f"{view}_test", args=[connector.pk]), gettext("Test sign-in"))
    if request.user.has_perm("sso_connectors.view_attempt"):
        yield _leading(attempts_of(connector), gettext("Attempts"))
    if users := users_of(request, connector):
        yield _leading(users, gettext("Users"))
    if may_switch(request, connector):
        if connector.enabled:
            yield _leading(switch_address(connector, on=False), gettext("Disable…"))
        elif not connector.missing():
            yield _posting(switch_address(connector, on=True), gettext("Enable"))


def copy_login_address(connector: Connector, label: str, *, css_class: str = "") -> SafeString:
    return format_html(
        '<button type="button" class="{}" data-copy="{}" data-copied="{}">{}</button>',
        css_class,
        connector.login_address,
        gettext("The login address of %(name)s was copied.") % {"name": connector.name},
        label,
    )


def attempts_of(connector: Connector) -> str:
    address = reverse("admin:sso_connectors_attempt_changelist")
    return f"{address}?connector__id__exact={connector.pk}"


def users_of(request: HttpRequest, connector: Connector) -> str:
    """The address of the connector's Users tab, for whoever may see it."""
    if not plans.may_see(request):
        return ""
    return reverse("admin:sso_connectors_connector_users", args=[connector.pk])


def _posting(address: str, label: str) -> SafeString:
    """An item that changes or starts something: the list's own form, with its token, is sent there."""
    return format_html('<button type="submit" formaction="{}">{}</button>', address, label)


def _leading(address: str, label: str) -> SafeString:
    return format_html('<a href="{}">{}</a>', address, label)


def _product() -> str:
    return str(settings.PRODUCT_NAME)
