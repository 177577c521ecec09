"""Connectors that are the superusers' alone, since whoever changes one could sign in as a superuser."""

from typing import Any, Final

from django import forms
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from users.models import User
from users.passwords import check_own_password

from ...models import Connector, Link

CHANGE_TRUST: Final = "sso_connectors.change_trust"
# The form's field, and that of the page that returns to a version.
OWN_PASSWORD: Final = "own_password"  # noqa: S105 - a field's name
WHY_READ_ONLY: Final = _(
    "Staff can sign in through this connector, so only a "
    "superuser can change what it trusts, enable or disable it, "
    "restore an earlier version, or delete it."
)
_WRONG: Final = _("This isn't your password. Your password is required to let staff sign in.")
_NONE: Final = _(
    "You have no password in the Maker, and one is required to let staff "
    "sign in. Ask another superuser to do this, or to set a password for "
    "you."
)


def may_change_trust(request: HttpRequest, connector: Connector | None) -> bool:
    """Whether somebody may change what a connector trusts, its state and its versions; None: a new one.

    Whoever has the permission could add a certificate of their own to a connector that signs staff in,
    and then sign an assertion that names a superuser.
    """
    user = request.user
    if connector is not None and connector.staff_may_sign_in and not user.is_superuser:
        return False
    return user.has_perm(CHANGE_TRUST)


def is_kept_from(request: HttpRequest, connector: Connector | None) -> bool:
    """Whether somebody could change it, if it weren't one that signs staff in."""
    return request.user.has_perm(CHANGE_TRUST) and not may_change_trust(request, connector)


def why_not_delete(request: HttpRequest, connectors: Any) -> Any:
    """Why only a superuser may delete one of these; "" if whoever asks may, as far as this goes.

    With a connector the links of staff go: a superuser's way in, which only a superuser may take away.
    """
    if request.user.is_superuser:
        return ""
    keys = [connector.pk for connector in connectors]
    if Connector.objects.filter(pk__in=keys, staff_may_sign_in=True).exists():
        return _("SSO connector through which staff can sign in: only a superuser can delete it")
    if links_of_staff(keys).exists():
        return _("links of staff and superusers: only a superuser can delete them")
    return ""


def links_of_staff(connectors: Any) -> QuerySet[Link]:
    staff = Q(user__is_staff=True) | Q(user__is_superuser=True)
    return Link.objects.filter(staff, connector__in=connectors)


def wrong_password(request: HttpRequest, typed: str) -> Any:
    """What is wrong with the password that a superuser typed for their own; "" if it is right."""
    user = request.user
    if not isinstance(user, User) or not user.has_usable_password():
        return _NONE
    return "" if typed and check_own_password(request, typed) else _WRONG


def own_password_field() -> forms.CharField:
    return forms.CharField(
        label=_("Your own password"),
        required=False,
        strip=False,
        help_text=_("Required to let staff sign in through this connector."),
        widget=forms.PasswordInput(attrs={"class": "vTextField", "autocomplete": "off"}),
    )
