"""The few pages outside the Maker that belong to no connector."""

import sys

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.views import defaults
from django.views.decorators.http import require_safe


@require_safe
@login_required
def landing(request: HttpRequest) -> HttpResponse:
    return render(request, "maker/landing.html")


@require_safe
def sign_in(request: HttpRequest) -> HttpResponse:
    return render(request, "maker/sign_in.html")


@require_safe
def signed_out(request: HttpRequest) -> HttpResponse:
    return render(request, "maker/signed_out.html")


def server_error(request: HttpRequest) -> HttpResponse:
    """The page for what went wrong on our side; a database that is away or locked passes by itself.

    No context processor runs here: they would ask the database again.
    """
    away = _is_database_away(sys.exc_info()[1])
    page = render_to_string(
        "503.html" if away else "500.html", {"product_name": settings.PRODUCT_NAME}
    )
    response = HttpResponse(page, status=503 if away else 500)
    if away:
        response["Retry-After"] = "5"
    return response


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's page, but not for a session that the database failed to store, which it calls a 400."""
    if _is_database_away(exception):
        return server_error(request)
    return defaults.bad_request(request, exception)


def _is_database_away(error: BaseException | None) -> bool:
    """Whether an exception, or what it was raised over, says so."""
    while error is not None and not isinstance(error, (OperationalError, InterfaceError)):
        error = error.__context__
    return error is not None
