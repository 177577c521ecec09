"""The forms in which somebody is given a password, or chooses one."""

from typing import Any, ClassVar

from axes.handlers.proxy import AxesProxyHandler
from django import forms
from django.contrib.admin.forms import AdminPasswordChangeForm as DjangoOwnPasswordForm
from django.contrib.auth.forms import AdminPasswordChangeForm as DjangoGivenPasswordForm
from django.contrib.auth.forms import ReadOnlyPasswordHashWidget, SetPasswordMixin
from django.contrib.auth.hashers import is_password_usable
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from .models import User


def choice_of_password(*, initial: str) -> forms.ChoiceField:
    """In place of Django's, which speaks of authentication and its backends."""
    return forms.ChoiceField(
        label=_("Password sign-in"),
        choices={"true": _("Yes"), "false": _("No")},
        initial=initial,
        required=False,
        widget=forms.RadioSelect(attrs={"class": "radiolist inline"}),
        help_text=_(
            "Yes for staff, who use it to enter the Maker. No for agents, who "
            "sign in through their SSO connectors."
        ),
    )


class KeptPassword(ReadOnlyPasswordHashWidget):
    """Says whether there is one, and not how it is kept."""

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        is_set = bool(value) and is_password_usable(value)
        return {
            **super().get_context(name, value, attrs),
            "summary": [{"label": _("A password is set.") if is_set else _("No password is set.")}],
            "button_label": _("Change password") if is_set else _("Set a password"),
        }


@sensitive_variables("password")
def check_own_password(request: HttpRequest, password: str) -> bool:
    """Whether `password` is that of who is signed in; for forms that ask for it once more.

    Whoever has taken over a session could otherwise try passwords without limit. Wrong ones count with
    those of the sign-in page, by username and address. At the limit, and while it is locked, the answer
    is False for the right one too, and the middleware of django-axes answers with the locked-out page.
    """
    user = request.user
    credentials = {"username": user.get_username()}
    # A request without the form: django-axes stores what was posted, and knows one field to leave out.
    bare = HttpRequest()
    bare.META, bare.method, bare.path = request.META, request.method, request.path
    if not AxesProxyHandler.is_allowed(bare, credentials):
        is_right, is_locked = False, True
    else:
        is_right = user.check_password(password)
        if not is_right:
            AxesProxyHandler.user_login_failed(__name__, credentials, bare)
        is_locked = bool(getattr(bare, "axes_locked_out", False))
    if is_locked:
        request.axes_locked_out = True  # type: ignore[attr-defined]
        request.axes_credentials = credentials  # type: ignore[attr-defined]
    return is_right


class DemandsAnother(forms.Form):
    """Refuses the password that there is: a one-time password would be replaced by itself."""

    user: User
    new_password_field: ClassVar[str]

    @sensitive_variables("password")
    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        password = cleaned.get(self.new_password_field)
        # Only where all else is right: the form must not be a place to try passwords.
        if password and not self.errors and self.user.check_password(password):
            self.add_error(
                self.new_password_field,
                ValidationError(
                    _("This is the current password. Choose another one."), code="same_password"
                ),
            )
        return cleaned


class SavesNothingElse(SetPasswordMixin):  # type: ignore[type-arg]  # nor can it be given one
    """Writes the password and leaves the rest of the row as it is by then.

    To hash one takes half a second. Saved whole after it, the row would take back that the user was
    deactivated, or lost a rank, in that time; whoever is about to lose it could keep changing passwords.
    """

    def set_password_and_save(
        self,
        user: User,
        password_field_name: str = "password1",  # noqa: S107 - a field's name
        commit: bool = True,
    ) -> User:
        super().set_password_and_save(user, password_field_name=password_field_name, commit=False)
        if commit:
            user.save(update_fields=["password", "must_change_password", "password_is_own"])
        return user


class OwnPasswordForm(DemandsAnother, SavesNothingElse, DjangoOwnPasswordForm):
    new_password_field = "new_password1"  # noqa: S105 - a field's name

    def __init__(self, user: User, *args: Any, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(user, *args, **kwargs)
        self.request = request

    @sensitive_variables("old_password")
    def clean_old_password(self) -> str:
        """As Django's, but wrong ones count."""
        old_password: str = self.cleaned_data["old_password"]
        if not check_own_password(self.request, old_password):
            raise ValidationError(
                self.error_messages["password_incorrect"], code="password_incorrect"
            )
        return old_password

    def set_password_and_save(self, user: User, *args: Any, **kwargs: Any) -> User:
        """A password that the person chose stays with them when they are made staff or superuser."""
        super().set_password_and_save(user, *args, **kwargs)
        user.password_is_own = True
        if kwargs.get("commit", True):
            user.save(update_fields=["password_is_own"])
        return user


class GivenPasswordForm(DemandsAnother, SavesNothingElse, DjangoGivenPasswordForm):  # type: ignore[type-arg]
    """Whoever has a password can also have it removed."""

    new_password_field = "password1"  # noqa: S105 - a field's name

    @transaction.atomic
    def set_password_and_save(self, user: User, *args: Any, **kwargs: Any) -> User:
        """Raises PermissionDenied for whoever was made staff or superuser while the page was judged.

        A password given to an agent would otherwise come after the one that was removed at that moment.
        """
        same = User.objects.filter(
            pk=user.pk, is_staff=user.is_staff, is_superuser=user.is_superuser
        )
        super().set_password_and_save(user, *args, **{**kwargs, "commit": False})
        if same.select_for_update().first() is None:
            raise PermissionDenied
        if kwargs.get("commit", True):
            user.save(update_fields=["password", "must_change_password", "password_is_own"])
        return user

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(user, *args, **kwargs)
        if "usable_password" in self.fields:
            self.fields["usable_password"] = choice_of_password(initial="true")
            self.order_fields(["usable_password"])
