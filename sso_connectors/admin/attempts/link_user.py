"""*Link this user*: from an attempt that failed for nothing but a missing link, to that link."""

from collections.abc import Mapping
from typing import Any, Final, cast

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_stubs_ext import StrOrPromise

from users.models import User
from users.usernames import normalise_username

from ...models import Connector, Link
from ...models.attempt import Attempt, Outcome
from ..linking import plans
from ..linking.plans import Verb

VIEW_PERSONAL: Final = "sso_connectors.view_personal"
# Stored with the link's history, so never translated; the attempt's code follows.
FROM_ATTEMPT: Final = "from attempt "

NO_SUCH_USER: Final = gettext_lazy("No user here has this username. Add the user first.")
INACTIVE: Final = gettext_lazy("The user is inactive. First make them active on their card.")
STAFF: Final = gettext_lazy(
    "The user is staff. The people who run the identity provider could "
    "use it to enter the Maker, so only a superuser links staff, on the "
    "user card."
)
LINKED: Final = gettext_lazy("The user is now linked to this connector.")

_LINK_CHECK: Final = "linked user"
_NO_LINK: Final = ": no such user, or not linked to this connector"


class LinksFromAttempt(admin.ModelAdmin[Attempt]):
    """Mixed into the attempts' admin."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.link_user)
        link = path("<path:object_id>/link/", view, name="sso_connectors_attempt_link")
        return [link, *super().get_urls()]

    def link_user(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show the user with their other connectors, and link by POST."""
        if not may_link(request):
            raise PermissionDenied
        attempt = self.get_object(request, object_id)
        if attempt is None:
            raise Http404
        if not self.has_view_permission(request, attempt):
            raise PermissionDenied
        if not lacks_only_the_link(attempt):
            raise Http404
        user = named_user(attempt)
        why_not = obstacle(user, attempt.connector)
        if request.method == "POST":
            return self._link(request, attempt, user, why_not)
        return TemplateResponse(
            request,
            "admin/sso_connectors/attempt/link.html",
            {
                **self.admin_site.each_context(request),
                "title": _("Link this user"),
                "opts": self.opts,
                "attempt": attempt,
                "person": user,
                "why_not": why_not,
                "others": _other_links(user),
            },
        )

    def _link(
        self, request: HttpRequest, attempt: Attempt, user: User | None, why_not: StrOrPromise
    ) -> HttpResponse:
        connector = attempt.connector
        if user is None or connector is None or why_not:
            messages.error(request, str(why_not))
        else:
            _add_link(user, connector, attempt=attempt, by=cast(User, request.user))
            messages.success(
                request,
                _(
                    "%(user)s is now linked to %(connector)s. The person starts again at "
                    "the login address."
                )
                % {"user": user.username, "connector": connector.name},
            )
        address = reverse("admin:sso_connectors_attempt_change", args=[attempt.pk])
        return HttpResponseRedirect(address)


def link_address(attempt: Attempt) -> str:
    return reverse("admin:sso_connectors_attempt_link", args=[attempt.pk])


def may_link(request: HttpRequest) -> bool:
    """As anywhere else, and the page names a person of whom an attempt is."""
    return plans.may(request, Verb.LINK) and request.user.has_perm(VIEW_PERSONAL)


def lacks_only_the_link(attempt: Attempt) -> bool:
    """Whether the identity provider proved who it is, and all that failed is that they aren't linked.

    Before all is verified an attempt has no username, whatever its checks received: what a stranger
    made up must not become a name to link.
    """
    failed = [check for check in attempt.checks if not check["passed"]]
    is_refused = attempt.outcome == Outcome.FAILED and attempt.cause == "not_admitted"
    is_test_of_nobody = attempt.outcome == Outcome.TEST_PASSED and attempt.user_id is None
    if attempt.connector is None or not (is_refused or is_test_of_nobody):
        return False
    return len(failed) == 1 and _is_missing_link(failed[0], attempt.username)


def _is_missing_link(check: Mapping[str, Any], username: str) -> bool:
    try:
        spelling = normalise_username(username)
    except ValidationError:
        return False
    said: tuple[str, str] = check["name"], check["received"]
    return said == (_LINK_CHECK, f"{spelling}{_NO_LINK}")


def named_user(attempt: Attempt) -> User | None:
    """The user of whom the attempt is; nobody is created."""
    try:
        return User.objects.get_by_natural_key(attempt.username)
    except User.DoesNotExist:
        return None


def obstacle(user: User | None, connector: Connector | None) -> StrOrPromise:
    """Why one may not link them from an attempt, superusers included; "" where one may."""
    if user is None:
        return NO_SUCH_USER
    if user.is_staff or user.is_superuser:
        return STAFF
    if not user.is_active:
        return INACTIVE
    if Link.objects.filter(user=user, connector=connector).exists():
        return LINKED
    return ""


def _other_links(user: User | None) -> list[Link]:
    # Not at all that a user may have: who is shared among hundreds of companies is seen on the card.
    return list(Link.objects.filter(user=user).select_related("connector")[:50]) if user else []


def _add_link(user: User, connector: Connector, *, attempt: Attempt, by: User) -> None:
    link = Link(user=user, connector=connector)
    try:
        with transaction.atomic():
            plans.add_links([link], by=by, reason=f"{FROM_ATTEMPT}{attempt.code}")
            LogEntry.objects.log_actions(
                user_id=by.pk,
                queryset=[user],
                action_flag=CHANGE,
                change_message=_("Linked to %(connector)s from attempt %(code)s.")
                % {"connector": connector.name, "code": attempt.code},
                single_object=True,
            )
    except IntegrityError:
        # A second click, or somebody else's: the link is there, which is what was asked for.
        if not Link.objects.filter(user=user, connector=connector).exists():
            raise
