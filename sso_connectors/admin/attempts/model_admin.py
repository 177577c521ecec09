"""Login attempts: found by the code that an agent reads out, and what to do on each one's page."""

from typing import Any, Final

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import ValidationError
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Lower
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from users.models import User
from users.usernames import normalise_username

from ...models import Connector
from ...models.attempt import IS_CODE, Attempt, Purpose
from ..connectors.test_sign_in import TEST_SIGN_IN
from .link_user import LinksFromAttempt
from .page import AttemptPage, may_see_people
from .words import STATES, cause_in_words, in_state, state_pill

# What an address may ask of the list. Any field could be asked for otherwise, and so be guessed letter
# by letter by somebody who may not see it: usernames, claims, details.
_ASKED: Final = ("outcome__exact", "purpose__exact", "connector__id__exact")
_ASKED_ABOUT_PEOPLE: Final = ("user__id__exact",)
# What the list reads of an attempt.
_SHOWN: Final = (
    "code",
    "started_at",
    "connector",
    "connector_reference",
    "purpose",
    "outcome",
    "cause",
    "user",
    "username",
)


class AttemptList(ChangeList):
    def get_queryset(
        self, request: HttpRequest, exclude_parameters: Any = None
    ) -> QuerySet[Attempt]:
        # An attempt's checks, and a connector's certificates, are a few kilobytes each.
        found = super().get_queryset(request, exclude_parameters)
        return found.only(*_SHOWN, "connector__name", "user__username")


class StateFilter(admin.SimpleListFilter):
    """By outcome, of which “never came back” is worked out."""

    title = _("state")
    parameter_name = "outcome__exact"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(STATES.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Attempt]) -> QuerySet[Attempt]:
        state = self.value() or ""
        return queryset.filter(in_state(state)) if state in STATES else queryset


class ConnectorFilter(admin.SimpleListFilter):
    """The connector whose attempts are asked for, by its cog wheel; no list of all of them."""

    title = _("SSO connector")
    parameter_name = "connector__id__exact"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        asked = request.GET.get(self.parameter_name, "")
        if not asked.isascii() or not asked.isdigit() or len(asked) > 18:
            return []
        chosen = Connector.objects.filter(pk=asked).values_list("pk", "name")
        return [(str(pk), name) for pk, name in chosen]

    def has_output(self) -> bool:
        # One that is asked for and isn't there has no attempts, rather than everybody's.
        return self.value() is not None

    def queryset(self, request: HttpRequest, queryset: QuerySet[Attempt]) -> QuerySet[Attempt]:
        asked = [int(pk) for pk, _name in self.lookup_choices]
        return queryset.filter(connector__in=asked)


@admin.register(Attempt)
class AttemptAdmin(LinksFromAttempt, admin.ModelAdmin[Attempt]):
    list_filter = (StateFilter, ConnectorFilter, "purpose", "started_at")
    search_fields = ("code",)  # see get_search_results
    search_help_text = _("Search by the agent's code, connector or person")
    search_hint = _("Code, connector or person")  # as much of it as the box has room for
    list_select_related = ("user", "connector")
    show_full_result_count = False
    list_per_page = 50
    actions = None
    # The page is a template of its own; as a form it has nothing to offer.
    fields = ("code",)
    readonly_fields = fields

    # --- the list ----------------------------------------------------------------------------

    def get_queryset(self, request: HttpRequest) -> QuerySet[Attempt]:
        """Without other people's tests: only its starter sees a test, whoever else may see all."""
        mine = Q(starter=request.user.pk) if request.user.pk else Q(pk__in=())
        return super().get_queryset(request).filter(~Q(purpose=Purpose.TEST) | mine)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return AttemptList

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        # On a phone one sees the first three.
        people = ("person",) if may_see_people(request) else ()
        columns = ("code", "state", "cause_in_words", "connector_name")
        return (*columns, *people, "kind", "started_at")

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        if lookup in _ASKED or lookup.startswith("started_at__"):
            return True
        return lookup in _ASKED_ABOUT_PEOPLE and may_see_people(request)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Attempt], search_term: str
    ) -> tuple[QuerySet[Attempt], bool]:
        """A whole code or username is looked up by an index; each word of anything else is searched for.

        Nobody is found by name by who may not see names, or else one could ask for each in turn.
        """
        code = search_term.strip().upper()
        if IS_CODE(code):  # which a reference may look like too
            named = queryset.filter(code=code)
            if named.exists():
                return named, False
        people = may_see_people(request)
        if people and (of_person := _of_person(queryset, search_term)) is not None:
            return of_person, False
        for word in search_term.split():
            found = (
                Q(code__icontains=word)
                | Q(connector_reference__icontains=word)
                | Q(connector__in=Connector.objects.filter(name__icontains=word))
            )
            if people:
                # Joined, each attempt would be read as a whole, with its checks, to compare a name.
                found |= Q(user__in=User.objects.filter(username__icontains=word))
                found |= Q(username__icontains=word)
            queryset = queryset.filter(found)
        return queryset, False

    @admin.display(description=_("SSO connector"), ordering="connector_reference")
    def connector_name(self, attempt: Attempt) -> str:
        # A reference that no connector has is what somebody typed.
        return attempt.connector.name if attempt.connector else attempt.connector_reference or "–"

    @admin.display(description=_("purpose"), ordering="purpose")
    def kind(self, attempt: Attempt) -> str:
        return attempt.get_purpose_display()

    @admin.display(description=_("state"), ordering="outcome")
    def state(self, attempt: Attempt) -> SafeString:
        return state_pill(attempt)

    @admin.display(description=_("cause"), ordering="cause")
    def cause_in_words(self, attempt: Attempt) -> str:
        return cause_in_words(attempt) or "–"

    @admin.display(description=_("person"), ordering=F("user__username").asc(nulls_last=True))
    def person(self, attempt: Attempt) -> str:
        return attempt.user.username if attempt.user else attempt.username or "–"

    # --- one attempt -------------------------------------------------------------------------

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        attempt: Attempt = context["original"]
        context["attempt"] = AttemptPage(attempt, request)
        return super().render_change_form(request, context, *args, **kwargs)

    def has_view_permission(self, request: HttpRequest, obj: Attempt | None = None) -> bool:
        """Also of who may test, for the result of a test of their own."""
        if super().has_view_permission(request, obj):
            return True
        is_own = obj is not None and obj.is_test and obj.starter_id == request.user.pk
        return is_own and request.user.has_perm(TEST_SIGN_IN)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Attempt | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Attempt | None = None) -> bool:
        return False


def _of_person(attempts: QuerySet[Attempt], text: str) -> QuerySet[Attempt] | None:
    """The attempts of whom `text` names in full, linked or not; None where it names nobody known."""
    try:
        spelling = normalise_username(text)
    except ValidationError:
        return None
    users = list(User.objects.filter(username=spelling))
    # As the identity provider wrote it, which may be in capitals, or with the domain in its own letters.
    named = Q(lower_username__in={spelling, text.strip().lower()})
    found = attempts.alias(lower_username=Lower("username")).filter(named | Q(user__in=users))
    return found if users or found.exists() else None
