"""People who use the product, and the staff who run it."""

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.core.exceptions import ValidationError
from django.db import models
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from .authors import Authored
from .usernames import MAX_LENGTH, PATTERN, UsernameField, normalise_username


class UserManager(BaseUserManager["User"]):
    def create_user(self, username: str, password: str | None = None, **fields: Any) -> "User":
        """Create a user; without a password, one who can sign in through a connector only."""
        user = self.model(username=normalise_username(username), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, username: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(username, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> "User":
        """Find by any spelling; raises User.DoesNotExist, also for what is no e-mail address."""
        try:
            spelling = normalise_username(username or "")
        except ValidationError as error:
            raise self.model.DoesNotExist from error
        return self.get(username=spelling)


class User(AbstractBaseUser, PermissionsMixin):
    username = UsernameField(
        _("username"),
        max_length=MAX_LENGTH,
        unique=True,
        help_text=_("The person's e-mail address, as their identity provider says it."),
        error_messages={"unique": _("There is a user with this e-mail address already.")},
    )
    full_name = models.CharField(_("full name"), max_length=150, blank=True)
    is_active = models.BooleanField(
        _("active"),
        default=True,
        help_text=_("Switch off rather than delete: an inactive user can't get in by any way."),
    )
    is_staff = models.BooleanField(
        _("staff"),
        default=False,
        help_text=_("May open the Maker, as far as their permissions go."),
    )
    must_change_password = models.BooleanField(
        _("must choose a new password"),
        default=False,
        help_text=_("The password was given out once; the next sign-in asks for one of their own."),
    )
    session_epoch = models.PositiveIntegerField(
        default=0,
        editable=False,
        # A number and no time, since clocks jump.
        help_text=_(
            "Sessions of another number are over; counted up whenever the user is inactive."
        ),
    )
    date_joined = models.DateTimeField(_("added"), default=timezone.now, editable=False)

    USERNAME_FIELD = "username"
    EMAIL_FIELD = "username"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects = UserManager()
    history = HistoricalRecords(
        excluded_fields=["password", "last_login", "session_epoch"],
        m2m_fields=[],
        bases=[Authored],
    )

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")
        ordering: ClassVar = ["username"]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="user_username_is_lower_case_ascii_email",
                condition=models.Q(username__regex=PATTERN),
                violation_error_message=_("A username is an e-mail address in lower-case ASCII."),
            ),
        ]

    def __str__(self) -> str:
        return self.username

    def save(self, **options: Any) -> None:
        if not self.is_active:
            # Or an old session would come back to life with its user.
            self.session_epoch += 1
            if options.get("update_fields") is not None:
                options["update_fields"] = {*options["update_fields"], "session_epoch"}
        super().save(**options)

    def get_full_name(self) -> str:
        return self.full_name or self.username

    def get_short_name(self) -> str:
        return self.full_name or self.username

    def get_session_auth_hash(self) -> str:
        """What a session must hold, else it is over; another one whenever the user is switched off."""
        return f"{super().get_session_auth_hash()}.{self.session_epoch}"

    def set_password(self, raw_password: str | None) -> None:
        super().set_password(raw_password)
        self.must_change_password = False


def axes_username(request: HttpRequest | None, credentials: dict[str, Any] | None = None) -> str:
    """The name that django-axes counts failures under: one per person, however it is spelt."""
    given = (credentials or {}).get("username")
    if given is None and request is not None:
        given = request.POST.get("username", "")
    try:
        return normalise_username(str(given or ""))
    except ValidationError:
        return str(given or "").strip().lower()[:MAX_LENGTH]


def note_login(sender: type[User], user: User, **kwargs: Any) -> None:
    """Keep when somebody signed in; no change of their card, so not through `save()`."""
    user.last_login = timezone.now()
    User.objects.filter(pk=user.pk).update(last_login=user.last_login)
