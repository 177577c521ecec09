"""Groups and permissions under names that people read, in their language.

Both are stored in English: the groups' names by the migration that made them, the permissions' by Django.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.models import Group, Permission
from django.core.paginator import Paginator
from django.db.models import Field, ManyToManyField, Q
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from users.models import User

from ..roles import ROLES
from .history.entries import logged

# What Django lets anybody be given on each model, by how its code name begins.
_VERBS: Final = {
    "add": _("Can add"),
    "change": _("Can change"),
    "delete": _("Can delete"),
    "view": _("Can view"),
}
# What stands for a field where it can only be read.
_READ: Final[Mapping[str, str]] = {
    "name": "role",
    "groups": "roles",
    "permissions": "permissions_held",
    "user_permissions": "permissions_held",
}


def role_name(group: Group) -> str:
    """An operator's own group is called as they called it."""
    return gettext(group.name) if group.name in ROLES else group.name


def permission_name(permission: Permission) -> str:
    verb, _separator, model = permission.codename.partition("_")
    if verb in _VERBS and model == permission.content_type.model:
        return f"{capfirst(permission.content_type.name)} | {_VERBS[verb]}"
    return gettext(permission.name)  # ours, which say themselves what they are about


class PermissionsField(forms.ModelMultipleChoiceField[Permission]):
    def label_from_instance(self, permission: Permission) -> str:
        return permission_name(permission)


class Boxes(forms.CheckboxSelectMultiple):
    """Boxes to tick, as one group to a screen reader: the label on Django's page is of none of them."""

    def __init__(self, label: str) -> None:
        super().__init__(attrs={"class": "boxes"})
        self.label = label

    def render(self, *args: Any, **kwargs: Any) -> SafeString:
        boxes = super().render(*args, **kwargs)
        return format_html('<div role="group" aria-label="{}">{}</div>', self.label, boxes)


class OffersPermissions(forms.ModelForm[Any]):
    """Offers what some role holds, since nothing here asks for more, or only a superuser may have it.

    What is held besides is offered too, or saving would take it away unseen.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("permissions", "user_permissions"):
            field = self.fields.get(name)
            if isinstance(field, PermissionsField):
                held = getattr(self.instance, name).values("pk") if self.instance.pk else ()
                offered = Permission.objects.filter(_in_roles() | Q(pk__in=held))
                field.queryset = offered.select_related("content_type")


def _in_roles() -> Q:
    wanted = Q()
    for name in frozenset().union(*ROLES.values()):
        app, codename = name.split(".")
        wanted |= Q(content_type__app_label=app, codename=codename)
    return wanted


class NamesPermissions(admin.ModelAdmin[Any]):
    """A page with groups or permissions on it."""

    def formfield_for_dbfield(
        self, db_field: Field[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> Any:
        """Boxes to tick: few are offered, and an option of a select would cut a long name."""
        fields: dict[Any, type[forms.Field]] = {
            Group: forms.ModelMultipleChoiceField,
            Permission: PermissionsField,
        }
        if isinstance(db_field, ManyToManyField) and db_field.related_model in fields:
            form_class = fields[db_field.related_model]
            boxes = Boxes(str(capfirst(db_field.verbose_name)))
            return db_field.formfield(form_class=form_class, widget=boxes, **kwargs)
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        may_change = self.has_change_permission(request, obj) if obj else True
        fixed = set(self.get_readonly_fields(request, obj)) if may_change else set(_READ)
        shown: dict[Any, str] = {name: read for name, read in _READ.items() if name in fixed}
        return [
            (title, {**options, "fields": [shown.get(name, name) for name in options["fields"]]})
            for title, options in fieldsets
        ]

    @admin.display(description=_("groups"))
    def roles(self, user: User) -> str:
        return _lines(str(group) for group in user.groups.all())

    @admin.display(description=_("permissions"))
    def permissions_held(self, item: User | Group) -> str:
        held = item.permissions if isinstance(item, Group) else item.user_permissions
        return _lines(permission_name(each) for each in held.select_related("content_type"))


def _lines(names: Iterable[str]) -> str:
    return "\n".join(names) or "–"


class RoleForm(OffersPermissions):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "name" in self.fields and str(self.instance) != self.instance.name:
            self.fields["name"].help_text = _(
                "The name in English, as it is stored. "
                "People who use another language see it "
                "in theirs."
            )


# Titles, messages, histories and choices all ask a group for its name in this way.
Group.add_to_class("__str__", role_name)
admin.site.unregister(Group)  # django.contrib.auth's


@admin.register(Group)
class RoleAdmin(NamesPermissions, DjangoGroupAdmin):
    form = RoleForm
    fields = ("name", "permissions")
    list_display = ("role",)
    readonly_fields = ("role", "permissions_held")
    search_fields = ()  # by what is stored, which isn't what the list shows
    actions = None  # each is deleted by itself, on a page that says what that means
    object_history_template = "admin/history.html"

    # What a group holds is a superuser's to say, whatever permission on groups an operator's own role
    # has: its members would otherwise add permissions to a group that they are in.
    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser)

    @admin.display(description=_("group"), ordering="name")
    def role(self, group: Group) -> str:
        return str(group)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """On the page of the other histories, of what Django's log tells."""
        response = super().history_view(request, object_id, extra_context)
        if isinstance(response, TemplateResponse) and (context := response.context_data):
            oldest_first = context["action_list"]
            rows = oldest_first.paginator.object_list.reverse()
            page = Paginator(rows, oldest_first.paginator.per_page).page(oldest_first.number)
            context |= {"title": gettext("History"), "subtitle": str(context["object"])}
            context |= {"page": page, "entries": [logged(row) for row in page]}
        return response
