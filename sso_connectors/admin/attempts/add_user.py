"""*Add this user*: from an attempt of somebody who is no user here, to their card and on to their link."""

from typing import Any, Final

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from users.models import User
from users.usernames import normalise_username

from ...models.attempt import Attempt
from .link_user import lacks_only_the_link, link_address, may_link, named_user

# Of the add form's address: the attempt that led there. A username would stand in every log on the way.
_ATTEMPT: Final = "attempt"


class AddsFromAttempt(admin.ModelAdmin[User]):
    """Mixed into the users' admin."""

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = {"attempt": self._attempt(request), **(extra_context or {})}
        return super().add_view(request, form_url, context)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Whom the attempt names; Django would fill in whatever an address says, for a form to be sent unread."""
        attempt = self._attempt(request)
        return {"username": normalise_username(attempt.username)} if attempt else {}

    def response_add(
        self, request: HttpRequest, obj: User, post_url_continue: str | None = None
    ) -> HttpResponse:
        attempt = self._attempt(request)
        # Not where another address was typed, or another button pressed.
        if attempt is None or named_user(attempt) != obj or "_save" not in request.POST:
            return super().response_add(request, obj, post_url_continue)
        messages.success(
            request,
            _("%(user)s was added. Link them now so that they can sign in.")
            % {"user": obj.username},
        )
        return HttpResponseRedirect(link_address(attempt))

    def _attempt(self, request: HttpRequest) -> Attempt | None:
        """The attempt that led here, if whoever asks may see it and link the person whom it is of."""
        attempts = self.admin_site.get_model_admin(Attempt)
        attempt = attempts.get_object(request, request.GET.get(_ATTEMPT, ""))
        may_see = attempts.has_view_permission(request, attempt) and may_link(request)
        return attempt if may_see and attempt and lacks_only_the_link(attempt) else None


def add_address(attempt: Attempt, request: HttpRequest) -> str:
    """Where to add whom `attempt` names; "" to those who may not add users."""
    # Django lets nobody add a user who may not change one.
    if not request.user.has_perms(("users.add_user", "users.change_user")):
        return ""
    return f"{reverse('admin:users_user_add')}?{_ATTEMPT}={attempt.pk}"
