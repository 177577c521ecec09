"""Links by CSV: a preview that judges each line, then all lines or none; and the export.

django-import-export leads through it. What is ours: how a file is read and judged (link_lines.py), writing
in bulk with history (linking.py), and that the file stays in the page between preview and confirmation,
sealed for one session, so that none is left behind on the server for others to find.
"""

from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from import_export.admin import ExportMixin, ImportMixin
from import_export.fields import Field
from import_export.resources import ModelResource
from import_export.results import Result, RowResult
from tablib import Dataset  # type: ignore[import-untyped]

from users.models import User

from ...models import Connector, Link
from . import csv_lines, plans
from .csv_file import ConfirmForm, InPage, LinkFile, UploadForm, sealed
from .csv_lines import Judged, Line
from .plans import Verb


class LinkResource(ModelResource):  # type: ignore[misc] # no types
    """One line is one link."""

    username = Field(attribute="user__username", column_name="username")
    reference = Field(attribute="connector__reference", column_name="reference")
    last_sign_in = Field(attribute="last_sign_in_at", column_name="last_sign_in")

    class Meta:
        model = Link
        fields = ("username", "reference", "last_sign_in")
        import_id_fields = ()
        use_bulk = True
        batch_size = None
        use_transactions = True
        skip_diff = True
        store_row_values = True

    def __init__(self, *, by: User | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._by = by
        self._judged: dict[int, Judged] = {}

    def dehydrate_last_sign_in(self, link: Link) -> str:
        return link.last_sign_in_at.isoformat(timespec="seconds") if link.last_sign_in_at else ""

    def handle_import_error(self, result: Any, error: Exception, *args: Any) -> None:
        raise error  # theirs goes on with the lines

    def import_row(self, row: Any, instance_loader: Any, **kwargs: Any) -> RowResult:
        # To keep each link that goes it would be copied, with its user and connector.
        kwargs["retain_instance_in_row_result"] = False
        return super().import_row(row, instance_loader, **kwargs)

    def before_import(self, dataset: Dataset, **kwargs: Any) -> None:
        lines = [row[0] for row in dataset]
        judged = csv_lines.judge(lines, by=cast(User, self._by))
        self._judged = {item.line.number: item for item in judged}

    def _of(self, row: Any) -> Judged:
        line: Line = row["line"]
        return self._judged[line.number]

    def before_import_row(self, row: Any, **kwargs: Any) -> None:
        judged = self._of(row)
        row["judged"] = judged
        if judged.problem:
            raise ValidationError(judged.problem)

    def get_instance(self, instance_loader: Any, row: Any) -> Link | None:
        link = self._of(row).link
        return link if link is not None and link.pk is not None else None

    def init_instance(self, row: Any = None) -> Link:
        return cast(Link, self._of(row).link)

    def for_delete(self, row: Any, instance: Link) -> bool:
        return self._of(row).verb == Verb.UNLINK

    def import_instance(self, instance: Link, row: Any, **kwargs: Any) -> None:
        pass  # it is whole already

    def skip_row(self, instance: Link, *args: Any, **kwargs: Any) -> bool:
        return instance.pk is not None

    def get_diff_headers(self) -> list[str]:
        return ["judged"]

    # A failure here goes up, and takes the transaction along; theirs would write the rest.

    def bulk_create(
        self, using_transactions: bool, dry_run: bool, *args: Any, **kwargs: Any
    ) -> None:
        if not dry_run:
            plans.add_links(self.create_instances, by=cast(User, self._by), reason=plans.FROM_FILE)

    def bulk_delete(
        self, using_transactions: bool, dry_run: bool, *args: Any, **kwargs: Any
    ) -> None:
        if not dry_run:
            gone = [link.pk for link in self.delete_instances]
            plans.remove_links(gone, by=cast(User, self._by), reason=plans.FROM_FILE)


class LinkFiles(ImportMixin, ExportMixin, admin.ModelAdmin[Link]):  # type: ignore[misc] # no types
    """Import and export of links. Never registered: links have no list of their own."""

    resource_classes = (LinkResource,)
    formats = (LinkFile,)
    tmp_storage_class = InPage
    import_form_class = UploadForm
    confirm_form_class = ConfirmForm
    skip_export_form = True
    skip_admin_log = True  # the history has it
    import_export_change_list_template = None

    def has_import_permission(self, request: HttpRequest) -> bool:
        return any(plans.may(request, verb) for verb in Verb)

    def has_export_permission(self, request: HttpRequest) -> bool:
        return plans.may_see(request)

    def get_resource_kwargs(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return {"by": request.user}

    def get_import_data_kwargs(self, **kwargs: Any) -> Any:
        return {"rollback_on_validation_errors": True}

    def get_confirm_form_kwargs(self, request: HttpRequest, import_form: Any = None) -> Any:
        kwargs = {**super().get_confirm_form_kwargs(request, import_form), "request": request}
        if import_form is None:
            kwargs["data"] = (
                request.POST
            )  # also without any field: theirs makes an untouched form of that
        return kwargs

    def get_confirm_form_initial(self, request: HttpRequest, import_form: Any) -> Any:
        initial = super().get_confirm_form_initial(request, import_form)
        if import_form is not None:
            initial["import_file_name"] = sealed(initial["import_file_name"], request)
        return initial

    def add_data_read_fail_error_to_form(self, form: forms.Form, e: Exception) -> None:
        if not isinstance(e, csv_lines.Unreadable):
            raise e
        form.add_error("import_file", e)

    def process_import(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        try:
            response = super().process_import(request, **kwargs)
        except IntegrityError:
            messages.error(
                request,
                _("Somebody else changed these links just now. Nothing was changed. Try again."),
            )
            return HttpResponseRedirect(reverse("admin:sso_connectors_link_import"))
        if isinstance(response, TemplateResponse):  # refused
            context = cast(dict[str, Any], response.context_data)
            context["refusals"] = context.pop("confirm_form").errors["import_file_name"]
            context["form"] = UploadForm(self.get_import_formats(), self.resource_classes)
        return cast(HttpResponse, response)

    def process_result(self, result: Result, request: HttpRequest) -> HttpResponse:
        """Say what was written; or that nothing was, where a line has become wrong since the preview."""
        there = HttpResponseRedirect(reverse("admin:sso_connectors_link_import"))
        if result.has_errors() or result.has_validation_errors():
            messages.error(
                request,
                _(
                    "Something has changed since the preview. Nothing was saved. Choose "
                    "the file again."
                ),
            )
            return there
        for words, count in _totals(result):
            messages.success(request, words % {"count": count})
        return there

    def get_export_queryset(self, request: HttpRequest) -> QuerySet[Link]:
        links = Link.objects.select_related("user", "connector").order_by(
            "connector__reference", "user__username"
        )
        links = links.only("last_sign_in_at", "user__username", "connector__reference")
        wanted = request.GET.get("connector", "")
        if not wanted:
            return links
        return links.filter(connector=int(wanted)) if wanted.isdecimal() else links.none()

    def get_export_filename(self, *args: Any) -> str:
        return f"links-{timezone.now():%Y-%m-%d}.csv"


class ImportsLinks(admin.ModelAdmin[Connector]):
    """Mixed into the connectors' admin: the addresses of import and export."""

    def get_urls(self) -> list[URLPattern]:
        files = LinkFiles(Link, self.admin_site)
        pages = {
            "links/import/": (files.import_action, "import"),
            "links/import/confirm/": (files.process_import, "process_import"),
            "links/export/": (files.export_action, "export"),
        }
        return [
            path(address, self.admin_site.admin_view(view), name=f"sso_connectors_link_{name}")
            for address, (view, name) in pages.items()
        ] + super().get_urls()


def _totals(result: Result) -> list[tuple[str, int]]:
    new, gone, kept = (result.totals[kind] for kind in ("new", "delete", "skip"))
    return [
        (words, count)
        for words, count in (
            (ngettext("%(count)d user was linked.", "%(count)d users were linked.", new), new),
            (
                ngettext("%(count)d user was unlinked.", "%(count)d users were unlinked.", gone),
                gone,
            ),
            (
                ngettext(
                    "%(count)d line was already so.",
                    "%(count)d lines were already so.",
                    kept,
                ),
                kept,
            ),
        )
        if count
    ]
