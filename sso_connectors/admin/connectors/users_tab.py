"""The Users tab of a connector: who is linked to it, and the way to link more or fewer."""

from typing import Any, Final, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.widgets import AutocompleteSelectMultiple
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.paginator import Page, Paginator
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from users.admin import user_named
from users.models import User

from ...models import Connector, ConnectorType, Link
from ..html import token_pill
from ..linking import plans
from ..linking.plans import Verb
from ..linking.previews import IdsField, carry_out, preview

PER_PAGE: Final = 50
MOST_LINES: Final = 1_000
# An address has 254 characters at the most; some room for what people write around it.
_LONGEST: Final = MOST_LINES * 300


class ChooseUsers(forms.Form):
    """Whom to link: looked up while typing, pasted, or confirmed from the page before."""

    users = IdsField(required=False)
    chosen = forms.ModelMultipleChoiceField(User.objects.all(), label=_("Users"), required=False)
    addresses = forms.CharField(
        label=_("or their e-mail addresses"),
        max_length=_LONGEST,
        required=False,
        widget=forms.Textarea(
            attrs={"rows": 6, "spellcheck": "false", "placeholder": "name@company.example"}
        ),
        help_text=_("One per line, 1,000 at most. No users are created."),
    )

    def __init__(self, *args: Any, site: admin.AdminSite, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        chosen = cast("forms.ModelMultipleChoiceField[User]", self.fields["chosen"])
        chosen.widget = AutocompleteSelectMultiple(Link._meta.get_field("user"), site)
        chosen.widget.choices = chosen.choices

    def clean_addresses(self) -> list[str]:
        typed = self.cleaned_data["addresses"].splitlines()
        lines = [line for each in typed if (line := each.strip(" \t,;"))]
        if len(lines) > MOST_LINES:
            raise ValidationError(
                gettext(
                    "That is %(count)d lines, and this page reads at most %(most)d. "
                    "Import them from a CSV file instead."
                )
                % {"count": len(lines), "most": MOST_LINES}
            )
        return lines

    def clean(self) -> dict[str, Any]:
        data = self.cleaned_data
        if not self.errors and not (data["users"] or data["chosen"] or data["addresses"]):
            self.add_error("chosen", gettext("Choose a user, or paste an address."))
        return data


class LinkedUsers(admin.ModelAdmin[Connector]):
    """Mixed into the connectors' admin."""

    def get_urls(self) -> list[URLPattern]:
        pages = {
            "users": ("users/", self.linked_users),
            "link": ("users/link/", self.link_users),
            "unlink": ("users/unlink/", self.unlink_users),
        }
        return [
            path(
                f"<path:object_id>/{address}",
                self.admin_site.admin_view(view),
                name=f"sso_connectors_connector_{name}",
            )
            for name, (address, view) in pages.items()
        ] + super().get_urls()

    def linked_users(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The list, by pages, searched by `q`."""
        connector = self._connector(request, object_id)
        if not plans.may_see(request):
            raise PermissionDenied
        return self._list_page(request, connector, ChooseUsers(site=self.admin_site))

    @method_decorator(require_POST)
    def link_users(self, request: HttpRequest, object_id: str) -> HttpResponse:
        connector = self._connector(request, object_id)
        if not plans.may(request, Verb.LINK):
            raise PermissionDenied
        form = ChooseUsers(request.POST, site=self.admin_site)
        if not form.is_valid():
            return self._list_page(request, connector, form)
        named, unknown, malformed = plans.users_named(form.cleaned_data["addresses"])
        users = [
            *plans.users_by_id(form.cleaned_data["users"]),
            *form.cleaned_data["chosen"],
            *named,
        ]
        plan = plans.plan(Verb.LINK, connector, users, by=cast(User, request.user))
        plan.unknown, plan.malformed = unknown, malformed
        return self._go_on(request, plan)

    @method_decorator(require_POST)
    def unlink_users(self, request: HttpRequest, object_id: str) -> HttpResponse:
        connector = self._connector(request, object_id)
        if not plans.may(request, Verb.UNLINK):
            raise PermissionDenied
        ids = request.POST.getlist("selected")
        form = ChooseUsers(
            {"users": request.POST.get("users") or ",".join(ids)}, site=self.admin_site
        )
        if not form.is_valid():
            messages.warning(request, gettext("No user is selected."))
            return HttpResponseRedirect(_page_of(connector))
        users = plans.users_by_id(form.cleaned_data["users"])
        plan = plans.plan(Verb.UNLINK, connector, users, by=cast(User, request.user))
        return self._go_on(request, plan)

    def _go_on(self, request: HttpRequest, plan: plans.Plan) -> HttpResponse:
        then = _page_of(plan.connector)
        if "confirm" in request.POST:
            return carry_out(request, plan, reason=plans.FROM_CONNECTOR, then=then)
        return preview(request, plan, site=self.admin_site, back=then, opts=self.opts)

    def _connector(self, request: HttpRequest, object_id: str) -> Connector:
        connector: Connector | None = self.get_object(request, object_id)
        if connector is None:
            raise Http404
        if not self.has_view_permission(request, connector):
            raise PermissionDenied
        return connector

    def _list_page(
        self, request: HttpRequest, connector: Connector, form: ChooseUsers
    ) -> HttpResponse:
        query = request.GET.get("q", "").replace("\0", "").strip()
        page = Paginator(_links(connector, query), PER_PAGE).get_page(request.GET.get("p"))
        return TemplateResponse(
            request,
            "admin/sso_connectors/connector/users.html",
            {
                **self.admin_site.each_context(request),
                "title": gettext("Users of %(connector)s") % {"connector": connector},
                "opts": self.opts,
                "original": connector,
                "tab": "users",
                "rows": _rows(page, connector, by=cast(User, request.user)),
                "page": page,
                "pages": page.paginator.get_elided_page_range(page.number, on_ends=1),
                "query": query,
                "has_tokens": connector.type == ConnectorType.OAUTH2,
                "may_link": plans.may(request, Verb.LINK),
                "may_unlink": plans.may(request, Verb.UNLINK),
                "form": form,
                "media": self.media + form.media,
            },
        )


def _page_of(connector: Connector) -> str:
    return reverse("admin:sso_connectors_connector_users", args=[connector.pk])


def _links(connector: Connector, query: str) -> QuerySet[Link]:
    links = Link.objects.filter(connector=connector).order_by("user__username")
    if connector.type == ConnectorType.OAUTH2:
        links = links.select_related("user", "token")
    else:
        links = links.select_related("user")
    user = user_named(query)
    if user is not None:
        return links.filter(user=user)
    for word in query.split():
        links = links.filter(Q(user__username__icontains=word) | Q(user__full_name__icontains=word))
    return links


def _rows(page: Page[Link], connector: Connector, *, by: User) -> list[dict[str, Any]]:
    return [
        {
            "link": link,
            "user": link.user,
            "tokens": _tokens(link, connector),
            "may_touch": plans.may_touch(by, link.user),
        }
        for link in page
    ]


def _tokens(link: Link, connector: Connector) -> SafeString | str:
    if connector.type != ConnectorType.OAUTH2:
        return ""
    return token_pill(getattr(link, "token", None), connector)
