"""The forms in which somebody is given a password, or chooses one."""

from django.contrib.admin.forms import AdminPasswordChangeForm as DjangoOwnPasswordForm
from django.contrib.auth.forms import AdminPasswordChangeForm as DjangoGivenPasswordForm
from django.contrib.auth.forms import SetPasswordMixin

from .models import User


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
            user.save(update_fields=["password", "must_change_password"])
        return user


class OwnPasswordForm(SavesNothingElse, DjangoOwnPasswordForm):
    pass


class GivenPasswordForm(SavesNothingElse, DjangoGivenPasswordForm):  # type: ignore[type-arg]
    pass
