"""Connectors in the Maker: the form, with what is mixed in."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import flatten_fieldsets
from django.core.exceptions import PermissionDenied
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_post_parameters

from ... import addresses
from ...models import TRUST_FIELDS, Connector, State
from ...reader.idp_words import recognise
from ..deletion import CountedDeletion
from ..edit_conflicts import SavesInTurn
from ..history.page import KeepsHistory
from ..html import copyable
from ..linking.csv_import import ImportsLinks
from .certificates import ShowsCertificates
from .changelist import ConnectorList
from .enable_disable import Switches
from .forms import ConnectorForm
from .idp_fields import idps_words
from .oauth2_fields import (
    about_secret,
    heading_to_give,
    heading_to_paste,
    options_by_field,
    stored_options,
    where_to_register,
)
from .paste import ReadsPaste
from .permanent_ids import ForgetsSubjects, note_remembered
from .staff_connectors import (
    CHANGE_TRUST,
    OWN_PASSWORD,
    WHY_READ_ONLY,
    is_kept_from,
    may_change_trust,
    why_not_delete,
)
from .status import status_of
from .test_sign_in import TestsSignIn
from .users_tab import LinkedUsers

_ONLY_INPUTS = ("confirm_validity", "client_secret")


@admin.register(Connector)
class ConnectorAdmin(
    CountedDeletion,
    KeepsHistory,
    ForgetsSubjects,
    TestsSignIn,
    Switches,
    ReadsPaste,
    ShowsCertificates,
    LinkedUsers,
    ImportsLinks,
    SavesInTurn,
    ConnectorList,
    admin.ModelAdmin[Connector],
):
    form = ConnectorForm
    readonly_fields = (
        "login_address_field",
        "identity",
        "reply_url",
        "metadata",
        "redirect_address",
        "understood",
        "removable",
        "stored_secret",
        "stored_options",
    )
    fieldsets = (
        (
            _("The connector"),
            {
                "fields": ("name", "reference", "confirm_reference", "login_address_field", "type"),
                "classes": ("step-1",),
            },
        ),
        (
            _("The identity provider"),
            {"fields": ("authentication_method",), "classes": ("type-oauth2",)},
        ),
        (
            _("Give these to the identity provider"),
            {
                "fields": ("identity", "reply_url", "metadata"),
                "classes": ("type-saml2", "step-2"),
            },
        ),
        # The headings of the next one and of step 3 for OAUTH 2 name who is chosen.
        (
            None,
            {"fields": ("redirect_address", "redirect_uri"), "classes": ("type-oauth2", "step-2")},
        ),
        (
            # Where it may be changed, the box that takes anything stands above it.
            _("The identity provider, field by field"),
            {
                "fields": (
                    "issuer_url",
                    "endpoint",
                    "identifier_format",
                    "certificates",
                    "confirm_validity",
                    "understood",
                ),
                "classes": ("type-saml2", "read-into"),
            },
        ),
        (None, {"fields": ("client_id", "client_secret"), "classes": ("type-oauth2", "step-3")}),
        (
            _("Advanced"),
            {"fields": ("binding", "username_attribute"), "classes": ("type-saml2", "collapse")},
        ),
        (
            _("Access and contact"),
            {"fields": ("force_authn", "contact", "staff_may_sign_in", "enabled")},
        ),
    )

    @admin.display(description=_("login address"))
    def login_address_field(self, connector: Connector) -> SafeString:
        if connector.pk is None:
            return format_html(
                '<code id="login-address-preview" data-base="{0}">{0}…</code>',
                addresses.login_address(""),
            )
        return copyable(connector.login_address, gettext("The login address was copied."))

    @admin.display(description=_("Identity (Entity ID)"))
    def identity(self, connector: Connector) -> SafeString:
        address = copyable(addresses.identity(), gettext("The identity was copied."))
        return _with_words(address, "identity", connector)

    @admin.display(description=_("Reply URL (ACS)"))
    def reply_url(self, connector: Connector) -> SafeString:
        address = copyable(addresses.reply_url(), gettext("The reply URL was copied."))
        return _with_words(address, "reply_url", connector)

    @admin.display(description=_("Or both at once"))
    def metadata(self, connector: Connector) -> SafeString:
        return format_html(
            '<a href="{}" download="metadata.xml">{}</a><div class="help">{}</div>',
            addresses.identity(),
            gettext("Download our metadata"),
            gettext(
                "For identity providers that accept a file. Its address is the identity above."
            ),
        )

    @admin.display(description=_("Redirect URI"))
    def redirect_address(self, connector: Connector) -> SafeString:
        """The address itself; maker.js lets it follow the choice below it and the reference above."""
        address = connector.redirect_address if connector.reference else addresses.oauth_callback()
        return format_html(
            '<div id="redirect-address" data-own="{}/" data-callback="{}" data-oauth-callback="{}">{}</div>{}',
            addresses.oauth_callback(),
            addresses.reply_url(),
            addresses.oauth_callback(),
            copyable(address, gettext("The redirect URI was copied.")),
            where_to_register(),
        )

    @admin.display(description=_("client secret"))
    def stored_secret(self, connector: Connector) -> str:
        return about_secret(connector.client_secret) or "–"

    @admin.display(description=_("options"))
    def stored_options(self, connector: Connector) -> SafeString | str:
        return stored_options(connector)

    def get_readonly_fields(
        self, request: HttpRequest, obj: Connector | None = None
    ) -> tuple[str, ...]:
        fields = tuple(self.readonly_fields)
        if not may_change_trust(request, obj):
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
        if may_change and may_change_trust(request, obj):
            more = tuple(options_by_field())
            hidden: tuple[str, ...] = ()
        else:
            more = ("stored_secret", "stored_options")
            hidden = _ONLY_INPUTS
        stored = obj.authentication_method if obj else ""
        method = request.POST.get("authentication_method", stored)
        if not may_change:
            hidden += ("confirm_reference",)
        headings = {
            "redirect_address": heading_to_give(method),
            "client_id": heading_to_paste(method),
        }
        fieldsets = []
        for title, options in super().get_fieldsets(request, obj):
            fields = tuple(options["fields"])
            heading = headings.get(fields[0], title)
            if "client_id" in fields:
                fields += more
            asks = may_change and request.user.is_superuser and not (obj and obj.staff_may_sign_in)
            if "staff_may_sign_in" in fields and asks:
                place = fields.index("staff_may_sign_in") + 1
                fields = (*fields[:place], OWN_PASSWORD, *fields[place:])
            shown = tuple(name for name in fields if name not in hidden)
            fieldsets.append((heading, {**options, "fields": shown}))
        if is_kept_from(request, obj):
            fieldsets[0][1]["description"] = WHY_READ_ONLY
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
        form = super().get_form(request, obj, change=change, **kwargs)
        # It asks for the password of whoever sends it.
        return type(form.__name__, (form,), {"request": request})

    # The report of a fault, mailed or logged, holds all else that was posted.
    @method_decorator(
        sensitive_post_parameters("client_secret", "paste", "certificates", OWN_PASSWORD)
    )
    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return super().changeform_view(request, *args, **kwargs)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and request.user.has_perm(CHANGE_TRUST)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Say on the page why only a superuser may delete; without one Django refuses the POST."""
        named, counts, lacking, protected = super().get_deleted_objects(objs, request)
        if why := why_not_delete(request, objs):
            lacking.add(str(why))
        return named, counts, lacking, protected

    def refuse_held(self, request: HttpRequest, keys: Any) -> None:
        """Somebody may have been made staff, or staff linked, since the page's own look."""
        held = Connector.objects.filter(pk__in=keys)
        if why_not_delete(request, held):
            raise PermissionDenied

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"enabled": True, **super().get_changeform_initial_data(request)}

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> Any:
        connector = context.get("original")
        if connector is not None:
            # As it is stored, whatever the form holds that wasn't saved.
            stored = Connector.objects.get(pk=connector.pk)
            context["status"] = status_of(request, stored)
        context["may_change_trust"] = may_change_trust(request, connector)
        return super().render_change_form(request, context, *args, **kwargs)

    def response_post_save_add(self, request: HttpRequest, obj: Connector) -> HttpResponseRedirect:
        """Stay with the connector, where its state and the next step stand."""
        if not self.has_view_or_change_permission(request, obj):
            return super().response_post_save_add(request, obj)
        page = reverse("admin:sso_connectors_connector_change", args=[obj.pk])
        return HttpResponseRedirect(page)

    def response_post_save_change(
        self, request: HttpRequest, obj: Connector
    ) -> HttpResponseRedirect:
        return self.response_post_save_add(request, obj)

    def save_model(
        self, request: HttpRequest, obj: Connector, form: ConnectorForm, change: bool
    ) -> None:
        super().save_model(request, obj, form, change)
        if form.has_parted_with_secret:
            messages.warning(
                request,
                _(
                    "The stored client secret belonged to another identity provider and "
                    "was deleted. Enter the client secret that this one gave you."
                ),
            )
        if change and "identifier_format" in form.changed_data:
            note_remembered(request, obj)
        for doubt in form.doubts:
            messages.warning(request, doubt.sentence)
        if obj.state == State.DRAFT:
            messages.warning(
                request, _("Saved as a draft. Nobody can sign in through it until it is complete.")
            )
        for item in obj.signing_certificates:
            if item.is_expiring:
                messages.warning(
                    request,
                    _("A certificate of %(name)s expires on %(date)s: %(subject)s.")
                    % {
                        "name": obj.name,
                        "date": f"{item.valid_until:%Y-%m-%d}",
                        "subject": item.subject,
                    },
                )


def _with_words(address: SafeString, word: str, connector: Connector) -> SafeString:
    """An address of ours, and what its identity provider calls it."""
    idp = recognise(issuer_url=connector.issuer_url, endpoint=connector.endpoint)
    return format_html(
        '{}<div class="help">{}</div>',
        address,
        idps_words(word, chosen=idp.key if idp else ""),
    )
