"""Groups and permissions under names that people read, in their language.

Both are stored in English: the groups' names by the migration that made them, the permissions' by Django.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.models import Group, Permission
from django.db.models import ManyToManyField, Q
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from users.models import User

from ..roles import ROLES

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


class GroupsField(forms.ModelMultipleChoiceField[Group]):
    def label_from_instance(self, group: Group) -> str:
        return role_name(group)


class PermissionsField(forms.ModelMultipleChoiceField[Permission]):
    def label_from_instance(self, permission: Permission) -> str:
        return permission_name(permission)


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

    def formfield_for_manytomany(
        self, db_field: ManyToManyField[Any, Any], request: Any = None, **kwargs: Any
    ) -> Any:
        fields = {Group: GroupsField, Permission: PermissionsField}
        if db_field.related_model in fields:
            kwargs["form_class"] = fields[db_field.related_model]
        return super().formfield_for_manytomany(db_field, request, **kwargs)

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
        return _lines(role_name(group) for group in user.groups.all())

    @admin.display(description=_("permissions"))
    def permissions_held(self, item: User | Group) -> str:
        held = item.permissions if isinstance(item, Group) else item.user_permissions
        return _lines(permission_name(each) for each in held.select_related("content_type"))


def _lines(names: Iterable[str]) -> str:
    return "\n".join(names) or "–"


def _as_read(group: Group) -> Group:
    """A copy, for where Django names it: titles, the way back, messages, what a checkbox is for."""
    return Group(pk=group.pk, name=role_name(group))


class RoleForm(OffersPermissions):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        stored = self.instance.name
        if "name" in self.fields and role_name(self.instance) != stored:
            self.fields["name"].help_text = _(
                "The name in English, as it is stored. Who reads another language sees it in theirs."
            )


admin.site.unregister(Group)  # django.contrib.auth's


@admin.register(Group)
class RoleAdmin(NamesPermissions, DjangoGroupAdmin):
    form = RoleForm
    fields = ("name", "permissions")
    list_display = ("role",)
    readonly_fields = ("role", "permissions_held")
    search_fields = ()  # by what is stored, which isn't what the list shows

    @admin.display(description=_("group"), ordering="name")
    def role(self, group: Group) -> str:
        return role_name(group)

    def action_checkbox(self, group: Group) -> SafeString:
        return super().action_checkbox(_as_read(group))

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        if group := context["original"]:
            context |= {"original": _as_read(group), "subtitle": role_name(group)}
        return super().render_change_form(request, context, *args, **kwargs)

    def render_delete_form(self, request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
        return super().render_delete_form(
            request, context | {"object": _as_read(context["object"])}
        )

    def response_change(self, request: HttpRequest, obj: Group) -> HttpResponse:
        return super().response_change(request, _as_read(obj))
