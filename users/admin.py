"""The user card. It is registered where its tabs come from, in sso_connectors.admin."""

from typing import Any, ClassVar

from django.contrib import messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import (
    AdminUserCreationForm,
    ReadOnlyPasswordHashField,
    UserChangeForm,
)
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from .models import User
from .passwords import GivenPasswordForm, KeptPassword, choice_of_password
from .usernames import normalise_username

PASSWORD_REMOVED = _(
    "The password of %(user)s was removed, because somebody else had "
    "chosen it. Set a new one if they need it."
)
SUPERUSER_ONLY = ("is_staff", "is_superuser", "groups", "user_permissions")


class UserAddForm(AdminUserCreationForm[User]):
    """A new user signs in through a connector, unless a password is set for them."""

    usable_password = choice_of_password(initial="false")

    class Meta:
        model = User
        fields = ("username", "full_name")

    def clean_username(self) -> str:
        return normalise_username(self.cleaned_data["username"])


class UserCardForm(UserChangeForm[User]):
    password = ReadOnlyPasswordHashField(label=_("Password"), widget=KeptPassword)

    class Meta(UserChangeForm.Meta):
        field_classes: ClassVar = {}  # Django's field would map look-alikes (NFKC) before we see them
        help_texts: ClassVar = {
            "is_superuser": _(
                "Can do everything in the Maker. Only superusers can "
                "make users staff, assign groups, and allow staff to "
                "sign in through a connector."
            ),
            "groups": _(
                "What they can do in the Maker as staff: everything that each "
                "of their groups allows."
            ),
            "user_permissions": _("Permissions in addition to those of the groups."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "password" in self.fields:  # it isn't for who may only look
            self.fields["password"].help_text = _(
                "Staff use it to enter the Maker. "
                "Agents don't need one: they sign in "
                "through their SSO connectors."
            )

    def clean_username(self) -> str:
        return normalise_username(self.cleaned_data["username"])


class UserAdmin(DjangoUserAdmin[User]):
    """Only a superuser touches the cards of staff and superusers, their own included."""

    form = UserCardForm
    add_form = UserAddForm
    change_password_form = GivenPasswordForm
    list_display = ("username", "full_name", "is_active", "is_staff", "last_login")
    list_filter = ("is_active", "is_staff", "is_superuser")
    search_fields = ("username", "full_name")
    ordering = ("username",)
    show_full_result_count = False
    readonly_fields: ClassVar[tuple[str, ...]] = ("last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("username", "full_name", "is_active")}),
        (_("Password"), {"fields": ("password", "must_change_password")}),
        (_("In the Maker"), {"fields": SUPERUSER_ONLY}),
        (_("Dates"), {"fields": ("date_joined", "last_login")}),
    )
    add_fieldsets = (
        (
            None,
            {"fields": ("username", "full_name", "usable_password", "password1", "password2")},
        ),
    )

    def user_change_password(
        self, request: HttpRequest, id: str, form_url: str = ""
    ) -> HttpResponse:
        me = request.user
        if isinstance(me, User) and id == str(me.pk) and me.has_usable_password():
            # A session left open would choose a new one here without the old, and then let staff in by it.
            return HttpResponseRedirect(reverse("admin:password_change"))
        response = super().user_change_password(request, id, form_url)
        wants_none = request.POST.get("usable_password") == "false"
        if wants_none and "unset-password" in request.POST and response.status_code == 302:
            list(messages.get_messages(request))  # Django's, about authentication
            messages.success(request, _("The password was removed."))
        return response

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if obj.has_lost_password:
            messages.warning(request, PASSWORD_REMOVED % {"user": obj})

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[User], search_term: str
    ) -> tuple[QuerySet[User], bool]:
        """A whole username, in any spelling, is looked up by the index; anything else is searched for."""
        user = user_named(search_term)
        if user is not None:
            return queryset.filter(pk=user.pk), False
        return super().get_search_results(request, queryset, search_term)

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None or self.has_change_permission(request, obj):
            return fieldsets
        # Who may only look has no business with the password, its hash included.
        return [item for item in fieldsets if "password" not in item[1]["fields"]]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and _may_touch(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and _may_touch(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        if request.user.is_superuser:
            return self.readonly_fields
        return (*self.readonly_fields, *SUPERUSER_ONLY)


def user_named(text: str) -> User | None:
    """The user whose username is just this, in any spelling."""
    try:
        return User.objects.get_by_natural_key(text.strip())
    except User.DoesNotExist:
        return None


def _may_touch(request: HttpRequest, user: User | None) -> bool:
    # Otherwise staff could raise themselves, or take over a superuser's card by a link.
    return user is None or request.user.is_superuser or not (user.is_staff or user.is_superuser)
