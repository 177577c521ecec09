"""The few pages outside the Maker that belong to no connector."""

import sys

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
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
    away = isinstance(sys.exc_info()[1], (OperationalError, InterfaceError))
    page = render_to_string(
        "503.html" if away else "500.html", {"product_name": settings.PRODUCT_NAME}
    )
    response = HttpResponse(page, status=503 if away else 500)
    if away:
        response["Retry-After"] = "5"
    return response
