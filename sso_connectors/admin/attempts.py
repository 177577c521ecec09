"""Login attempts: a plain, read-only list to look up the code that an agent reads out."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from users.admin import user_named
from users.models import User

from ..attempts import IS_CODE, Attempt
from .cells import pill


class AttemptList(ChangeList):
    def get_queryset(
        self, request: HttpRequest, exclude_parameters: Any = None
    ) -> QuerySet[Attempt]:
        # An attempt's checks are a few kilobytes, and the list shows none of them.
        return super().get_queryset(request, exclude_parameters).defer("checks", "detail")


@admin.register(Attempt)
class AttemptAdmin(admin.ModelAdmin[Attempt]):
    list_display = ("code", "started_at", "connector_reference", "result", "cause", "user")
    list_filter = ("outcome", "started_at")
    search_fields = ("code", "connector_reference", "user__username")
    search_help_text = _("Search by code, reference or username")
    list_select_related = ("user",)
    show_full_result_count = False
    list_per_page = 50
    fields = (
        "code",
        "started_at",
        "ended_at",
        "connector",
        "connector_reference",
        "outcome",
        "cause",
        "detail",
        "user",
        "all_checks",
    )
    readonly_fields = fields

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return AttemptList

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Attempt], search_term: str
    ) -> tuple[QuerySet[Attempt], bool]:
        """A whole code or username is looked up by an index; each word of anything else is searched for."""
        code = search_term.strip().upper()
        if IS_CODE(code):  # which a reference may look like too
            named = queryset.filter(code=code)
            if named.exists():
                return named, False
        user = user_named(search_term)
        if user is not None:
            return queryset.filter(user=user), False
        for word in search_term.split():
            queryset = queryset.filter(
                Q(code__icontains=word)
                | Q(connector_reference__icontains=word)
                # Joined, each attempt would be read as a whole, with its checks, to compare a name.
                | Q(user__in=User.objects.filter(username__icontains=word))
            )
        return queryset, False

    @admin.display(description=_("outcome"), ordering="outcome")
    def result(self, attempt: Attempt) -> SafeString:
        return pill(attempt.outcome, attempt.get_outcome_display())

    @admin.display(description=_("checks"))
    def all_checks(self, attempt: Attempt) -> SafeString | str:
        if not attempt.checks:
            return "–"
        return format_html(
            '<table class="checks"><thead><tr><th>{}</th><th>{}</th><th>{}</th><th>{}</th></tr></thead>'
            "<tbody>{}</tbody></table>",
            _("Check"),
            _("Expected"),
            _("Received"),
            _("Verdict"),
            format_html_join(
                "",
                "<tr><th>{}</th><td>{}</td><td>{}</td><td>{}</td></tr>",
                (
                    (check["name"], check["expected"], check["received"], _verdict(check))
                    for check in attempt.checks
                ),
            ),
        )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Attempt | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Attempt | None = None) -> bool:
        return False


def _verdict(check: dict[str, Any]) -> SafeString:
    label = _("passed") if check["passed"] else _("failed")
    note = "" if check["verified"] else _("not verified")
    return format_html("{} {}", pill("passed" if check["passed"] else "failed", str(label)), note)
