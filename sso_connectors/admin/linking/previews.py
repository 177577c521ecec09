"""What stands between a choice of users and their links: a page that shows what will happen, to confirm."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from users.models import User

from . import plans
from .plans import MOST, Plan, Verb

# So many of a list are named; of the rest the number says enough.
NAMED: Final = 50
_LONGEST_IDS: Final = MOST * 20


class IdsField(forms.CharField):
    """Users that were chosen on an earlier page, as their ids: 1,000 inputs would be too many for a form."""

    widget = forms.HiddenInput
    default_error_messages = {  # noqa: RUF012 - as Django declares it
        "malformed": gettext_lazy("Your selection can't be read any more. Please select again.")
    }

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=_LONGEST_IDS, **kwargs)

    def clean(self, value: Any) -> list[int]:
        text = super().clean(value)
        ids = text.split(",") if text else []
        if len(ids) > MOST or not all(i.isascii() and i.isdigit() and len(i) < 19 for i in ids):
            raise ValidationError(self.error_messages["malformed"], code="malformed")
        return [int(i) for i in ids]


@dataclass(frozen=True)
class _Group:
    """Some users or addresses, and what becomes of them."""

    kind: str
    title: str
    help: str
    items: Sequence[User | str]

    @property
    def first(self) -> Sequence[User | str]:
        return self.items[:NAMED]

    @property
    def more(self) -> int:
        return max(0, len(self.items) - NAMED)


def preview(
    request: HttpRequest, plan: Plan, *, site: admin.AdminSite, back: str, **context: Any
) -> HttpResponse:
    """Show what would happen; `back` is where whoever thinks better of it goes."""
    return TemplateResponse(
        request,
        "admin/sso_connectors/link/preview.html",
        {
            **site.each_context(request),
            "title": _title(plan),
            "plan": plan,
            "groups": [group for group in _groups(plan) if group.items],
            "confirm": how_many(plan.verb, len(plan.ready)),
            "back": back,
            **context,
        },
    )


def carry_out(request: HttpRequest, plan: Plan, *, reason: str, then: str) -> HttpResponse:
    """Write a plan that was confirmed, and say what came of it."""
    try:
        plans.carry_out(plan, by=cast(User, request.user), reason=reason)
    except IntegrityError:
        # Somebody else linked one of them, or deleted the connector, between our look and our writing.
        messages.error(
            request,
            _("Somebody else changed these links just now. Nothing was changed. Try again."),
        )
        return HttpResponseRedirect(then)
    level = messages.SUCCESS if plan.ready else messages.WARNING
    messages.add_message(request, level, _done(plan))
    if plan.forbidden:
        messages.warning(
            request,
            ngettext(
                "%(count)d user was not changed: only a superuser can link staff.",
                "%(count)d users were not changed: only a superuser can link staff.",
                len(plan.forbidden),
            )
            % {"count": len(plan.forbidden)},
        )
    return HttpResponseRedirect(then)


def _title(plan: Plan) -> str:
    if plan.verb == Verb.LINK:
        return _("Link to %(connector)s") % {"connector": plan.connector}
    return _("Unlink from %(connector)s") % {"connector": plan.connector}


def how_many(verb: Verb, count: int) -> str:
    """The words on the button, or above what leads to it."""
    if verb == Verb.LINK:
        words = ngettext("Link %(count)d user", "Link %(count)d users", count)
    else:
        words = ngettext("Unlink %(count)d user", "Unlink %(count)d users", count)
    return words % {"count": count}


def _done(plan: Plan) -> str:
    count = len(plan.ready)
    if plan.verb == Verb.LINK:
        words = ngettext(
            "%(count)d user is now linked to %(connector)s.",
            "%(count)d users are now linked to %(connector)s.",
            count,
        )
    else:
        words = ngettext(
            "%(count)d user was unlinked from %(connector)s.",
            "%(count)d users were unlinked from %(connector)s.",
            count,
        )
    return words % {"count": count, "connector": plan.connector}


def _groups(plan: Plan) -> list[_Group]:
    if plan.verb == Verb.LINK:
        ready = _Group("ready", _("Will be linked"), "", plan.ready)
        settled = _Group("settled", _("Already linked"), _("Nothing changes."), plan.settled)
    else:
        ready = _Group(
            "leaving",
            _("Will be unlinked"),
            _(
                "Their sessions that started through this connector end immediately, "
                "their tokens are revoked, and their permanent IDs are deleted."
            ),
            plan.ready,
        )
        settled = _Group("settled", _("Not linked"), _("Nothing changes."), plan.settled)
    return [
        ready,
        settled,
        _Group(
            "forbidden",
            _("Staff"),
            _("Not changed: only a superuser can link or unlink staff and superusers."),
            plan.forbidden,
        ),
        _Group(
            "unknown",
            _("Unknown"),
            _(
                "No user has this e-mail address. No users are created here: add the "
                "user first, then link them."
            ),
            plan.unknown,
        ),
        _Group(
            "malformed",
            _("Not an e-mail address"),
            _("Ignored. Write one address per line, such as name@company.example."),
            plan.malformed,
        ),
    ]
