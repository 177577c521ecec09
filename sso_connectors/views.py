"""The addresses that agents' browsers meet: a few lines each, the story is in login/flow.py."""

import secrets
from http import HTTPStatus
from typing import Any, Final

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from . import addresses
from .login import browser, connector_state, flow, last_connector
from .login.turns import waits_so_far
from .models.attempt import IS_CODE, Attempt
from .network.exchanges import HostBusy
from .protocols import Departure
from .results.errors import (
    STATUSES,
    IdentityProviderError,
    LoginError,
    NoSuchLogin,
    NotAdmitted,
    ResponseRefused,
)

# The identity provider answered about somebody, who may have sat there before. All three look the same,
# so that the page tells nobody whether it is the person we don't know.
_ANSWERED: Final = frozenset(
    error.code for error in (NotAdmitted, ResponseRefused, IdentityProviderError)
)


@require_safe
def login_address(request: HttpRequest, reference: str) -> HttpResponse:
    """Where an agent starts. Link checkers (HEAD) and prefetching browsers start nothing."""
    if request.method == "HEAD":
        return HttpResponse()
    if "prefetch" in request.headers.get("Sec-Purpose", request.headers.get("Purpose", "")):
        # Anybody can say so: with a status of 5xx they could have a load balancer take us out.
        return HttpResponse(status=HTTPStatus.FORBIDDEN)
    if not addresses.is_base_host(request.get_host()):
        # The browser's cookie must be on the host that the identity provider answers to.
        return HttpResponseRedirect(f"{addresses.base_url()}{request.get_full_path()}")
    secret = browser.browser_of(request) or browser.new_browser()
    try:
        departure = flow.begin_login(
            request,
            reference=reference,
            next_path=request.GET.get("next", ""),
            browser=secret,
            ask_again=request.GET.get("again") == "1",
        )
    except HostBusy:
        return _wait(request)
    except LoginError as error:
        return _failure(request, error.attempt_code, error.status)
    return depart(request, departure, secret)


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def callback(request: HttpRequest, reference: str = "") -> HttpResponse:
    """The reply URL: SAML's assertion consumer service; and every redirect URI of OAuth 2.

    `reference` stands in a connector's own redirect URI. It is not looked up: the login that is under
    way knows the address that it has to come back on.
    A POST from an identity provider goes on as a GET, which carries our cookie.
    """
    if request.method == "POST":
        return _receive(request)
    if request.method == "HEAD":
        return HttpResponse()
    if "failed" in request.GET:
        connector_state.note_came_back(request.GET["failed"], browser=browser.browser_of(request))
        return _failure(request, request.GET["failed"])
    try:
        if "unsolicited" in request.GET:
            return _begin_again(request, request.GET["unsolicited"])
        return _complete(request)
    except HostBusy:
        return _wait(request)
    except LoginError as error:
        return _failure(request, error.attempt_code, error.status)


def _receive(request: HttpRequest) -> HttpResponse:
    try:
        query = flow.receive_answer(request)
    except LoginError as error:
        if not error.attempt_code:
            return _failure(request, "", error.status)
        query = {"failed": error.attempt_code}
    return HttpResponseRedirect(flow.callback_address(query), status=HTTPStatus.SEE_OTHER)


def _complete(request: HttpRequest) -> HttpResponse:
    finished = flow.complete_login(request, browser=browser.browser_of(request))
    response = HttpResponseRedirect(finished.onward)
    if finished.connector is not None:
        last_connector.remember(response, finished.connector)
    return response


def _wait(request: HttpRequest) -> HttpResponse:
    """A page that comes again by itself, with all that it brought; `turns.MOST_WAITS` ends that.

    Its status says that nothing is wrong, so that no load balancer takes us for what is slow.
    """
    again = request.GET.copy()
    again["waited"] = str(waits_so_far(request) + 1)
    address = f"?{again.urlencode()}"
    response = render(request, "sso_connectors/wait.html", {"address": address})
    # Not all at once: those who came together would meet again.
    response["Refresh"] = f"{2 + secrets.randbelow(2)};url={address}"
    return response


def _begin_again(request: HttpRequest, token: str) -> HttpResponse:
    secret = browser.browser_of(request) or browser.new_browser()
    onward = flow.begin_again(request, token=token, browser=secret)
    if isinstance(onward, Departure):
        return depart(request, onward, secret)
    return render(request, "sso_connectors/choose.html", {"connectors": onward})


def depart(
    request: HttpRequest, departure: Departure, secret: str, *, from_form: bool = False
) -> HttpResponse:
    """Send the browser on its way. `from_form`: it came by a form of ours, and so can't be redirected.

    Chromium applies `form-action 'self'` to where a form's answer redirects to.
    """
    response: HttpResponse
    if departure.fields or from_form:
        response = render(request, "sso_connectors/post.html", {"departure": departure})
    else:
        response = HttpResponseRedirect(departure.url)
    if departure.fields:
        # Nothing else of ours may post to another site.
        response._csp_replace = {"form-action": [addresses.origin(departure.url)]}  # type: ignore[attr-defined]
    browser.remember(response, secret)
    return response


def _failure(request: HttpRequest, code: str, status: HTTPStatus | None = None) -> HttpResponse:
    """One page for every cause, so that it tells nobody whom we know.

    `code` is an attempt's, from a LoginError or, for an answer refused while we could not see the
    browser's cookies, from the address; it then brings the status along.
    """
    attempt = None
    if IS_CODE(code):
        attempt = Attempt.objects.select_related("connector").filter(code=code).first()
    if attempt and attempt.is_test and attempt.starter_id == request.user.pk:
        return HttpResponseRedirect(flow.result_address(attempt))
    if status is None:
        status = STATUSES.get(attempt.cause if attempt else "", NoSuchLogin.status)
    return render(
        request,
        "sso_connectors/failure.html",
        {
            "code": attempt.code if attempt else "",
            # The address of this page may have been good for one time.
            "language_next": flow.callback_address({"failed": code}),
            "connector": attempt.connector if attempt else None,
            "cause": attempt.cause if attempt else "",
            "status": status,
            **_for_somebody_else(attempt),
        },
        status=status,
    )


def _for_somebody_else(attempt: Attempt | None) -> dict[str, Any]:
    """How one goes on who came as whoever sat there before; nothing where that can't be the cause."""
    if attempt is None or attempt.connector is None or attempt.cause not in _ANSWERED:
        return {}
    if attempt.connector.force_authn:  # trying again asks for the password already
        return {}
    if flow.can_ask_again(attempt.connector):
        return {"address_for_another": f"{attempt.connector.login_address}?again=1"}
    return {"sign_out_first": True}
