"""Sign-ins to the Maker by password, recorded: they are for superusers when all else fails."""

from typing import Any

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth import BACKEND_SESSION_KEY
from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils.translation import gettext

from users.models import User

from .sessions import BACKEND


@receiver(user_logged_in)
def record_password_sign_in(
    sender: type[User], request: HttpRequest, user: User, **kwargs: Any
) -> None:
    """Who came into the Maker by password stands in the history of their card."""
    if request.session.get(BACKEND_SESSION_KEY) != BACKEND:
        LogEntry.objects.log_actions(
            user_id=user.pk,
            queryset=[user],
            action_flag=CHANGE,
            change_message=gettext("Signed in with a password."),
            single_object=True,
        )
