"""The few pages outside the Maker that belong to no connector."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
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
