"""Filters of the lists, for what the front page counts."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from users.models import User

from ..models import Connector
from ..operations import attention


class CertificateFilter(admin.SimpleListFilter):
    """By the first certificate to end, of the connectors that agents can use."""

    title = _("certificates in use")
    parameter_name = "certificates"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("ended", pgettext_lazy("certificates", "expired")),
            ("ending", _("expiring within 30 days")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Connector]) -> QuerySet[Connector]:
        conditions = {
            "ended": attention.certificate_ended,
            "ending": attention.certificate_ending,
        }
        condition = conditions.get(self.value() or "")
        return queryset if condition is None else queryset.filter(condition())


class RedirectUriFilter(admin.SimpleListFilter):
    """Connectors that share a redirect URI although the customer runs the server."""

    title = _("redirect URI")
    parameter_name = "redirect"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("shared", _("needs its own"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Connector]) -> QuerySet[Connector]:
        return queryset.filter(attention.SHARED_REDIRECT_URI) if self.value() else queryset


class LinkFilter(admin.SimpleListFilter):
    """Users by what is wrong with one of their links."""

    title = _("SSO connectors")
    parameter_name = "links"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("never_used", _("one never used")),
            ("reconnect", _("one that needs reconnection")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> QuerySet[User]:
        conditions = {"never_used": attention.never_used, "reconnect": attention.to_reconnect}
        condition = conditions.get(self.value() or "")
        if condition is None:
            return queryset
        return queryset.filter(pk__in=condition().values("user"))
