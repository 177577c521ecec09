"""People who use the product, and the staff who run it."""

from typing import Any, ClassVar, NamedTuple

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
        help_text=_("The person's e-mail address, as their identity provider sends it."),
        error_messages={"unique": _("A user with this e-mail address already exists.")},
    )
    full_name = models.CharField(_("full name"), max_length=150, blank=True)
    is_active = models.BooleanField(
        _("active"),
        default=True,
        help_text=_(
            "Clear this box instead of deleting the user. An inactive user can't sign in at all."
        ),
    )
    is_staff = models.BooleanField(
        _("staff"),
        default=False,
        help_text=_("Can open the Maker, within the limits of their permissions."),
    )
    must_change_password = models.BooleanField(
        _("must choose a new password"),
        default=False,
        help_text=_(
            "The password is for one use only. At the next sign-in, the user "
            "has to choose a new one."
        ),
    )
    password_is_own = models.BooleanField(
        default=False,
        db_default=False,
        editable=False,
        help_text=_(
            "The person chose the password themselves. A password that "
            "somebody else chose is removed when the person becomes staff or a "
            "superuser."
        ),
    )
    session_epoch = models.PositiveIntegerField(
        default=0,
        editable=False,
        # A number and no time, since clocks jump.
        help_text=_(
            "Sessions with another number are no longer valid. The number "
            "increases each time the user becomes inactive."
        ),
    )
    date_joined = models.DateTimeField(_("added"), default=timezone.now, editable=False)

    USERNAME_FIELD = "username"
    EMAIL_FIELD = "username"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects = UserManager()
    history = HistoricalRecords(
        excluded_fields=["password", "password_is_own", "last_login", "session_epoch"],
        m2m_fields=[],
        bases=[Authored],
    )

    # As it was read; None for a new user, for whom whoever creates them chooses all at once.
    _was: "_Known | None" = None
    # Whether the last `save()` removed a password, so that a page can say so.
    has_lost_password = False

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

    @classmethod
    def from_db(cls, *args: Any, **options: Any) -> "User":
        user = super().from_db(*args, **options)
        user._was = _known(user)
        return user

    def refresh_from_db(self, *args: Any, **options: Any) -> None:
        super().refresh_from_db(*args, **options)
        self._was = _known(self)

    def save(self, **options: Any) -> None:
        changed = self._follow_rise_and_rename()
        if changed and options.get("update_fields") is not None:
            options["update_fields"] = {*options["update_fields"], *changed}
        if not self.is_active:
            # Or an old session would come back to life with its user.
            self.session_epoch += 1
            if options.get("update_fields") is not None:
                options["update_fields"] = {*options["update_fields"], "session_epoch"}
        super().save(**options)
        self._was = _known(self)

    def _follow_rise_and_rename(self) -> set[str]:
        """Return which further fields changed."""
        self.has_lost_password = False
        before, now = self._was, _known(self)
        if before is None or now is None:
            return set()
        changed: set[str] = set()
        if before.username != now.username:
            # The card may be another person's now, and the password is the former one's.
            self.password_is_own = False
            changed.add("password_is_own")
        if (now.is_staff, now.is_superuser) != (before.is_staff, before.is_superuser) and (
            now.is_staff > before.is_staff or now.is_superuser > before.is_superuser
        ):
            changed |= self.part_with_given_password()
        return changed

    def part_with_given_password(self) -> set[str]:
        """For somebody who is made staff or superuser; return the names of the fields that changed.

        Who may edit agents sets their passwords: one that is known to another would make the other staff
        too, and so would a session that another has opened with it. One's own password stays.
        """
        self.session_epoch += 1
        if self.password_is_own or not self.has_usable_password():
            return {"session_epoch"}
        self.set_unusable_password()
        self.must_change_password = False
        self.has_lost_password = True
        return {"session_epoch", "password", "must_change_password"}

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
        self.password_is_own = False


class _Known(NamedTuple):
    username: str
    is_staff: bool
    is_superuser: bool


def _known(user: User) -> _Known | None:
    """None where not all of it was read."""
    read = user.__dict__
    if not all(name in read for name in _Known._fields):
        return None
    return _Known(*(read[name] for name in _Known._fields))


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
