"""What django-axes need not do (settings.AXES_HANDLER)."""

from typing import Any

from axes.handlers.database import AxesDatabaseHandler
from django.contrib.auth import BACKEND_SESSION_KEY
from django.http import HttpRequest

from sso_connectors.login.sessions import BACKEND
from users.models import User


class PasswordGuesses(AxesDatabaseHandler):  # type: ignore[misc]  # it ships no types
    def user_logged_in(
        self, sender: type[User], request: HttpRequest, user: User, **kwargs: Any
    ) -> None:
        """Clear failures that are over when somebody signs in by password; a connector asks for none."""
        if request.session.get(BACKEND_SESSION_KEY) != BACKEND:
            super().user_logged_in(sender, request, user, **kwargs)
