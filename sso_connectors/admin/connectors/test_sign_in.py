"""Test sign-in: from the form or the cog wheel, by POST, and back to the attempt that it leaves."""

from typing import Any, cast

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_POST

from users.models import User

from ... import addresses, views
from ...login import browser, flow
from ...models import Connector
from ...models.attempt import Attempt
from ...results.errors import LoginError

TEST_SIGN_IN = "sso_connectors.test_sign_in"


class TestsSignIn(admin.ModelAdmin[Connector]):
    """Mixed into the connectors' admin."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.test_sign_in)
        test = path("<path:object_id>/test/", view, name="sso_connectors_connector_test")
        return [test, *super().get_urls()]

    @method_decorator(require_POST)
    def test_sign_in(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Begin a test; only a click of somebody who may can (no link, no other site)."""
        connector: Any = self.get_object(request, object_id)
        if connector is None:
            raise Http404
        if not may_test(request, connector):
            raise PermissionDenied
        if not addresses.is_base_host(request.get_host()):
            # The identity provider answers on our own host, where this browser has no session.
            return HttpResponseRedirect(f"{addresses.base_url()}{self._form_of(connector)}")
        secret = browser.browser_of(request) or browser.new_browser()
        try:
            departure = flow.begin_test(connector, starter=cast(User, request.user), browser=secret)
        except LoginError as error:
            attempt = Attempt.objects.get(code=error.attempt_code)
            return HttpResponseRedirect(flow.result_address(attempt))
        return views.depart(request, departure, secret, from_form=True)

    def _form_of(self, connector: Connector) -> str:
        return reverse("admin:sso_connectors_connector_change", args=[connector.pk])


def may_test(request: HttpRequest, connector: Connector) -> bool:
    """Whether there is a test to offer: the permission, and a connector that is complete."""
    return request.user.has_perm(TEST_SIGN_IN) and not connector.missing()
