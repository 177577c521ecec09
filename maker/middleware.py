"""What every request passes: the proxy's word, and no caching of pages."""

import ipaddress
from collections.abc import Callable, Sequence

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from sso_connectors.login.throttle import counted_as

GetResponse = Callable[[HttpRequest], HttpResponseBase]


class TrustedProxyMiddleware:
    """Believe X-Forwarded-For and X-Forwarded-Proto from TRUSTED_PROXIES only.

    From anybody else they are removed: a client could otherwise pass as another address (password
    guesses, throttling) or as https. With several proxies, the client is the last address that is
    not one of them.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        forwarded_for = request.META.pop("HTTP_X_FORWARDED_FOR", "")
        if not is_trusted_proxy(request.META.get("REMOTE_ADDR", "")):
            request.META.pop("HTTP_X_FORWARDED_PROTO", None)
            return self.get_response(request)
        for part in reversed(forwarded_for.split(",")):
            hop = part.strip()
            if hop.count(":") == 1:  # IPv4 with a port, as some gateways write it
                hop = hop.partition(":")[0]
            if not _is_address(hop):
                break
            request.META["REMOTE_ADDR"] = hop
            if not is_trusted_proxy(hop):
                break
        return self.get_response(request)


def is_trusted_proxy(address: str) -> bool:
    if not address:  # a Unix socket has none
        return "unix" in settings.TRUSTED_PROXIES
    return is_in_networks(address, [each for each in settings.TRUSTED_PROXIES if each != "unix"])


def is_in_networks(address: str, networks: Sequence[str]) -> bool:
    """Whether `address` is one of these addresses, or in one of these networks."""
    return _is_address(address) and any(
        ipaddress.ip_address(address) in ipaddress.ip_network(each) for each in networks
    )


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def client_address(request: HttpRequest) -> str:
    """Whose address django-axes counts with; TrustedProxyMiddleware has put the client's there."""
    return counted_as(str(request.META.get("REMOTE_ADDR", "")))


class NoStoreMiddleware:
    """Pages name people and carry one-time addresses; no cache keeps them unless a view says so."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if not response.has_header("Cache-Control"):
            response["Cache-Control"] = "no-store"
        return response
