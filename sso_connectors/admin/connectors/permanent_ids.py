"""Forget what identity providers call people for good: of one link, or of a whole connector.

The next one who is named by the link's username is taken for its user, so it is asked for, and recorded.
"""

from typing import Any, Final

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from simple_history.utils import bulk_update_with_history

from users.models import User

from ...history import reasons
from ...models import Connector, Link

_BATCH: Final = 500


def forget(links: QuerySet[Link], *, by: Any, reason: str) -> int:
    """Forget the subjects of these links, a history row each; return how many there were.

    Sessions go on: the link itself stands.
    """
    known = links.filter(subject__isnull=False).order_by("pk")
    count = 0
    with transaction.atomic():
        batch = list(known.select_for_update(of=("self",))[:_BATCH])
        while batch:
            Link.objects.filter(pk__in=[link.pk for link in batch]).update(subject=None)
            bulk_update_with_history(  # of nothing but the history
                batch, Link, [], default_user=by, default_change_reason=reason
            )
            count += len(batch)
            batch = list(known.filter(pk__gt=batch[-1].pk).select_for_update(of=("self",))[:_BATCH])
    return count


class ForgetsSubjects(admin.ModelAdmin[Connector]):
    """Mixed into the connectors' admin: of all links at once, for an identity provider that was rebuilt."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.forget_subjects)
        address = "<path:object_id>/forget-subjects/"
        return [
            path(address, view, name="sso_connectors_connector_forget_subjects"),
            *super().get_urls(),
        ]

    def forget_subjects(self, request: HttpRequest, object_id: str) -> HttpResponse:
        connector = self.get_object(request, object_id)
        if connector is None:
            raise Http404
        if not may_forget_all(request, connector):
            raise PermissionDenied
        links = Link.objects.filter(connector=connector)
        staff = Q(user__is_staff=True) | Q(user__is_superuser=True)
        # As on their cards: whoever runs the identity provider could otherwise name another as one of them.
        allowed = links if request.user.is_superuser else links.exclude(staff)
        back = reverse("admin:sso_connectors_connector_change", args=[connector.pk])
        if request.method == "POST":
            self._forget_all(request, connector, allowed)
            return HttpResponseRedirect(back)
        known = allowed.filter(subject__isnull=False).count()
        left = links.filter(subject__isnull=False).count() - known
        return _ask(
            self,
            request,
            connector,
            title=_("Reset all permanent IDs"),
            question=ngettext(
                "Reset the permanent ID of %(count)d user of %(name)s?",
                "Reset the permanent IDs of %(count)d users of %(name)s?",
                known,
            )
            % {"count": known, "name": connector},
            left=ngettext(
                "The permanent ID of %(count)d staff member will not be reset: only a "
                "superuser can reset it.",
                "The permanent IDs of %(count)d staff members will not be reset: only "
                "a superuser can reset them.",
                left,
            )
            % {"count": left}
            if left
            else "",
            nothing=not known,
            back=back,
        )

    @transaction.atomic
    def _forget_all(
        self, request: HttpRequest, connector: Connector, links: QuerySet[Link]
    ) -> None:
        count = forget(links, by=request.user, reason=reasons.SUBJECT_RESET_AMONG_ALL)
        if count:
            # Nothing of the connector changes: only the history gets a row, which says how many.
            now = Connector.objects.select_for_update().get(pk=connector.pk)
            bulk_update_with_history(
                [now],
                Connector,
                [],
                default_user=request.user,
                default_change_reason=f"{reasons.SUBJECTS_RESET}{count}",
                custom_historical_attrs={
                    "client_secret_set_at": reasons.time_of(now.client_secret)
                },
            )
        messages.success(
            request,
            ngettext(
                "The permanent ID of %(count)d user of %(name)s was reset.",
                "The permanent IDs of %(count)d users of %(name)s were reset.",
                count,
            )
            % {"count": count, "name": connector},
        )


class ForgetsSubject(admin.ModelAdmin[User]):
    """Mixed into the user card: of one link."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.forget_subject)
        address = "<path:object_id>/links/<int:link_id>/forget-subject/"
        return [path(address, view, name="users_user_forget_subject"), *super().get_urls()]

    def forget_subject(self, request: HttpRequest, object_id: str, link_id: int) -> HttpResponse:
        user = self.get_object(request, object_id)
        if user is None:
            raise Http404
        if not may_forget(request, self, user):
            raise PermissionDenied
        link = get_object_or_404(Link.objects.select_related("connector"), pk=link_id, user=user)
        back = reverse("admin:users_user_change", args=[user.pk]) + "#sso-connectors"
        names = {"user": user, "name": link.connector}
        if request.method == "POST":
            one = Link.objects.filter(pk=link.pk)
            if forget(one, by=request.user, reason=reasons.SUBJECT_RESET):
                messages.success(
                    request, _("The permanent ID of %(user)s at %(name)s was reset.") % names
                )
            return HttpResponseRedirect(back)
        return _ask(
            self,
            request,
            user,
            title=_("Reset permanent ID"),
            question=_("Reset the permanent ID of %(user)s at %(name)s?") % names,
            left="",
            nothing=link.subject is None,
            back=back,
        )


def note_remembered(request: HttpRequest, connector: Connector) -> None:
    """The identifier format was changed: whoever's permanent ID doesn't come any more is refused."""
    count = Link.objects.filter(connector=connector, subject__isnull=False).count()
    if not count:
        return
    text = ngettext(
        "You changed the identifier format, and the permanent ID of %(count)d "
        "user is stored. If the identity provider now sends a different one or "
        "none, this user can't sign in until you reset it.",
        "You changed the identifier format, and the permanent IDs of %(count)d "
        "users are stored. If the identity provider now sends different ones or "
        "none, these users can't sign in until you reset them.",
        count,
    ) % {"count": count}
    if not may_forget_all(request, connector):
        messages.warning(request, text)
        return
    page = reverse("admin:sso_connectors_connector_forget_subjects", args=[connector.pk])
    messages.warning(
        request, format_html('{} <a href="{}">{}</a>', text, page, _("Reset permanent IDs"))
    )


def may_forget_all(request: HttpRequest, connector: Connector) -> bool:
    return request.user.has_perms(
        ("sso_connectors.change_connector", "sso_connectors.change_trust")
    )


def may_forget(request: HttpRequest, card: admin.ModelAdmin[User], user: User) -> bool:
    """By the card's own rule, too: the links of staff and superusers are a superuser's to touch."""
    may_change = card.has_change_permission(request, user)
    return may_change and request.user.has_perm("sso_connectors.change_link")


def forgettable(link: Link) -> SafeString | str:
    """What is remembered on a link, and the way to have it forgotten."""
    if link.subject is None:
        return "–"
    return format_html(
        '<code>{}</code> <a class="forget" href="{}">{}</a>',
        link.subject,
        reverse("admin:users_user_forget_subject", args=[link.user_id, link.pk]),
        _("Reset permanent ID"),
    )


def _ask(
    page: admin.ModelAdmin[Any], request: HttpRequest, item: Any, **context: Any
) -> HttpResponse:
    request.current_app = page.admin_site.name
    return TemplateResponse(
        request,
        "admin/sso_connectors/forget_subjects.html",
        {
            **page.admin_site.each_context(request),
            "object": item,
            "opts": page.opts,
            "module_name": str(capfirst(page.opts.verbose_name_plural)),
            **context,
        },
    )
