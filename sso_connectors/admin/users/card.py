"""The SSO connectors tab of the user card."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Count
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from users.admin import UserAdmin, UserCardForm
from users.models import User

from ...models import ConnectorType, Link
from ..attempts.add_user import AddsFromAttempt
from ..connectors.permanent_ids import ForgetsSubject, forgettable, may_forget
from ..deletion import CountedDeletion
from ..edit_conflicts import SavesInTurn
from ..filters import LinkFilter
from ..history.page import KeepsHistory
from ..html import state_pills, token_pill
from ..permissions import NamesPermissions, OffersPermissions
from .link_selected import LinksSelected


class LinkForm(forms.ModelForm[Link]):
    def validate_unique(self) -> None:
        """Also by constraints, of which Django judges none that the card's own user is in."""
        super().validate_unique()
        try:
            self.instance.validate_constraints()
        except ValidationError as error:
            self.add_error(None, error)


class LinkInline(admin.TabularInline[Link, User]):
    """Written by staff with the permission, as far as they may change the card (see UserAdmin)."""

    model = Link
    template = "admin/users/user/links.html"
    extra = 0
    form = LinkForm
    verbose_name = _("SSO connector")
    verbose_name_plural = _("SSO connectors")
    autocomplete_fields = ("connector",)
    fields = ("connector", "state", "tokens", "last_sign_in_at", "subject")
    readonly_fields = ("state", "tokens", "last_sign_in_at", "subject", "remembered")

    def get_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        """With the way to forget a subject, for whoever may."""
        fields = super().get_fields(request, obj)
        card = self.admin_site.get_model_admin(User)
        if obj is None or not may_forget(request, card, obj):
            return fields
        return ["remembered" if name == "subject" else name for name in fields]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("connector", "user", "token")

    @admin.display(description=_("state"))
    def state(self, link: Link) -> str:
        return state_pills(link.connector) if link.connector_id else "–"

    @admin.display(description=_("tokens"))
    def tokens(self, link: Link) -> str:
        """Whether the product can act for the user at the provider; the tokens themselves never show."""
        if not link.connector_id or link.connector.type != ConnectorType.OAUTH2:
            return "–"
        return token_pill(getattr(link, "token", None), link.connector)

    @admin.display(description=_("permanent ID"))
    def remembered(self, link: Link) -> SafeString | str:
        return forgettable(link)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        # A link is added or deleted. One that changed its connector would take the remembered
        # subject and the sessions of the old one along.
        return False


class CardForm(OffersPermissions, UserCardForm):
    pass


@admin.register(User)
class UserCard(
    AddsFromAttempt,
    CountedDeletion,
    KeepsHistory,
    ForgetsSubject,
    LinksSelected,
    NamesPermissions,
    SavesInTurn,
    UserAdmin,
):
    form = CardForm
    inlines = (LinkInline,)
    readonly_fields = (*UserAdmin.readonly_fields, "roles", "permissions_held")

    def get_inlines(self, request: HttpRequest, obj: User | None) -> Any:
        # The add form only names the person; the card that follows has the tab.
        return self.inlines if obj else ()

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Who has done something in the Maker stays, or what they did would go from its log with them.

        Django's log points to its author and is deleted along; a former colleague is switched off instead.
        """
        named, counts, lacking, protected = super().get_deleted_objects(objs, request)
        protected += _authors(objs)
        return named, counts, lacking, protected

    def refuse_held(self, request: HttpRequest, keys: Any) -> None:
        if _authors(User.objects.filter(pk__in=keys)):
            raise PermissionDenied

    def get_list_filter(self, request: HttpRequest) -> Any:
        return (*super().get_list_filter(request), LinkFilter)


def _authors(users: Any) -> list[str]:
    """What to say of those of these users who stand in Django's log as authors."""
    keys = [user.pk for user in users]
    counted = LogEntry.objects.filter(user__in=keys).order_by().values_list("user__username")
    return [
        ngettext(
            "%(count)d log entry by %(user)s. To keep it, clear “Active” on the user card instead.",
            "%(count)d log entries by %(user)s. To keep them, clear “Active” on the user "
            "card instead.",
            count,
        )
        % {"count": count, "user": username}
        for username, count in counted.annotate(count=Count("pk")).order_by("user__username")[:20]
    ]
