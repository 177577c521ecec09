"""From the list of users: link those that are selected to a connector, or unlink them from it."""

from collections.abc import Sequence
from functools import partial
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.widgets import AutocompleteSelect
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from users.models import User

from ...models import Connector, Link
from ..linking import plans
from ..linking.plans import MOST, Verb
from ..linking.previews import IdsField, carry_out, how_many, preview


class ChooseConnector(forms.Form):
    users = IdsField()
    connector = forms.ModelChoiceField(
        Connector.objects.all(), label=_("SSO connector"), required=False
    )
    # Without JavaScript nothing can be looked up while one types.
    reference = forms.CharField(label=_("or its reference"), max_length=100, required=False)

    def __init__(self, *args: Any, site: admin.AdminSite, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        connector = cast("forms.ModelChoiceField[Connector]", self.fields["connector"])
        connector.widget = AutocompleteSelect(Link._meta.get_field("connector"), site)
        connector.widget.choices = connector.choices

    def clean(self) -> dict[str, Any]:
        reference = self.cleaned_data.get("reference")
        if reference and not self.cleaned_data.get("connector"):
            named = next(iter(Connector.objects.by_reference(reference)), None)
            if named is None:
                self.add_error("reference", gettext("No connector has this reference."))
            self.cleaned_data["connector"] = named
        elif not self.errors and not self.cleaned_data.get("connector"):
            self.add_error("connector", gettext("Choose a connector."))
        return self.cleaned_data


class LinksSelected(admin.ModelAdmin[User]):
    """Mixed into the users' admin."""

    actions: Sequence[Any] = ("link_selected", "unlink_selected")

    def get_urls(self) -> list[URLPattern]:
        return [
            path(
                f"{verb}/",
                self.admin_site.admin_view(partial(self._link, verb=verb)),
                name=f"users_user_{verb}",
            )
            for verb in Verb
        ] + super().get_urls()

    def has_link_permission(self, request: HttpRequest) -> bool:
        return plans.may(request, Verb.LINK)

    def has_unlink_permission(self, request: HttpRequest) -> bool:
        return plans.may(request, Verb.UNLINK)

    @admin.action(description=_("Link to an SSO connector"), permissions=["link"])
    def link_selected(self, request: HttpRequest, queryset: QuerySet[User]) -> HttpResponse | None:
        return self._choose(request, queryset, Verb.LINK)

    @admin.action(description=_("Unlink from an SSO connector"), permissions=["unlink"])
    def unlink_selected(
        self, request: HttpRequest, queryset: QuerySet[User]
    ) -> HttpResponse | None:
        return self._choose(request, queryset, Verb.UNLINK)

    def _choose(
        self, request: HttpRequest, queryset: QuerySet[User], verb: Verb
    ) -> HttpResponse | None:
        ids = list(queryset.order_by().values_list("pk", flat=True)[: MOST + 1])
        if len(ids) > MOST:
            messages.error(
                request,
                gettext(
                    "That is more than %(most)d users. Select fewer, or ask the operator "
                    "to link them with manage.py sso_apply."
                )
                % {"most": MOST},
            )
            return None
        initial = {"users": ",".join(map(str, ids))}
        form = ChooseConnector(initial=initial, site=self.admin_site)
        return self._form_page(request, form, verb)

    def _link(self, request: HttpRequest, *, verb: Verb) -> HttpResponse:
        users = reverse("admin:users_user_changelist")
        if not plans.may(request, verb):
            raise PermissionDenied
        if request.method != "POST":  # a page that was reloaded, or kept
            return HttpResponseRedirect(users)
        form = ChooseConnector(request.POST, site=self.admin_site)
        if not form.is_valid():
            return self._form_page(request, form, verb)
        chosen, connector = form.cleaned_data["users"], form.cleaned_data["connector"]
        by = cast(User, request.user)
        plan = plans.plan(verb, connector, plans.users_by_id(chosen), by=by)
        if "confirm" in request.POST:
            return carry_out(request, plan, reason=plans.FROM_USERS, then=users)
        return preview(request, plan, site=self.admin_site, back=users, opts=self.opts)

    def _form_page(self, request: HttpRequest, form: ChooseConnector, verb: Verb) -> HttpResponse:
        users = form["users"].value()
        return TemplateResponse(
            request,
            "admin/sso_connectors/link/choose.html",
            {
                **self.admin_site.each_context(request),
                "title": how_many(verb, users.count(",") + 1 if users else 0),
                "opts": self.opts,
                "form": form,
                "media": self.media + form.media,
                "action": reverse(f"admin:users_user_{verb}"),
                "verb": verb,
            },
        )
