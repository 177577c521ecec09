"""The few pages outside the Maker that belong to no connector."""

import sys
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.views import defaults
from django.views.decorators.http import require_POST, require_safe

from sso_connectors import addresses
from sso_connectors.login import last_connector
from sso_connectors.login.flow import can_ask_again


@require_safe
@login_required
def landing(request: HttpRequest) -> HttpResponse:
    return render(request, "maker/landing.html")


@require_safe
def sign_in(request: HttpRequest) -> HttpResponse:
    """For agents who come without a session. It leads on by a click only, never by itself."""
    return render(request, "maker/sign_in.html", _offer(request, request.GET.get("next", "")))


@require_safe
def signed_out(request: HttpRequest) -> HttpResponse:
    return render(request, "maker/signed_out.html", _offer(request, ""))


@require_POST
def forget_connector(request: HttpRequest) -> HttpResponse:
    """*Not your company?*: this device offers no connector until the next sign-in."""
    next_path = addresses.safe_next(request.POST.get("next", ""))
    response = HttpResponseRedirect(_with_query(reverse("sign-in"), next=next_path))
    last_connector.forget(response)
    return response


def _offer(request: HttpRequest, next_path: str) -> dict[str, Any]:
    """What the sign-in page shows of this device's last connector, if there is one to offer."""
    onward = addresses.safe_next(next_path)
    # The page in the other language goes on to the same place, and to no other.
    offer: dict[str, Any] = {
        "next": onward,
        "language_next": _with_query(request.path, next=onward),
    }
    connector = last_connector.last_connector(request)
    if connector is not None:
        address = connector.login_address
        offer |= {"connector": connector, "address": _with_query(address, next=onward)}
        if not connector.force_authn and can_ask_again(connector):
            offer["address_for_another"] = _with_query(address, next=onward, again="1")
    return offer


def _with_query(address: str, **query: str) -> str:
    filled = urlencode({name: value for name, value in query.items() if value})
    return f"{address}?{filled}" if filled else address


def server_error(request: HttpRequest) -> HttpResponse:
    """The page for what went wrong on our side; a database that is away or locked passes by itself.

    No context processor runs here: they would ask the database again.
    """
    away = _is_database_away(sys.exc_info()[1])
    page = render_to_string(
        "503.html" if away else "500.html",
        {"product_name": settings.PRODUCT_NAME, **_onward(request)},
    )
    response = HttpResponse(page, status=503 if away else 500)
    if away:
        response["Retry-After"] = "5"
    return response


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's page, but not for a session that the database failed to store, which it calls a 400."""
    if _is_database_away(exception):
        return server_error(request)
    if isinstance(exception, RequestDataTooBig):
        return render(request, "413.html", _onward(request), status=413)
    return defaults.bad_request(request, exception)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return render(request, "403_csrf.html", _onward(request), status=403)


def _onward(request: HttpRequest) -> dict[str, str]:
    """Where to try again: the same address, or for a form, which a link can't send, the page it was on."""
    if request.method in ("GET", "HEAD"):
        return {"again": request.get_full_path()}
    before = request.headers.get("Referer", "").removeprefix(addresses.base_url())
    return {"before": addresses.safe_next(before)}


def _is_database_away(error: BaseException | None) -> bool:
    """Whether an exception, or what it was raised over, says so."""
    while error is not None and not isinstance(error, (OperationalError, InterfaceError)):
        error = error.__context__
    return error is not None
