"""What a load balancer and Prometheus ask, before the host check and the redirect to https.

Both ask by address and over plain http.
"""

from typing import Final

from django.conf import settings
from django.core.cache import cache
from django.db import DatabaseError, InterfaceError, connection
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.crypto import constant_time_compare
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from redis.exceptions import RedisError

from sso_connectors.models.pending_login import PendingLogin

from .middleware import GetResponse, is_in_networks, is_trusted_proxy

# What proxies add to a request; not all add all.
_FORWARDED: Final = (
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_REAL_IP",
    "HTTP_FORWARDED",
    "HTTP_VIA",
)


class HealthMiddleware:
    """Answers /healthz and /metrics."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info == "/healthz":
            return _health()
        if request.path_info == "/metrics" and _is_scraper(request):
            return _metrics()
        return self.get_response(request)


def _health() -> HttpResponse:
    """200 when the database and the cache answer, else 503 with the name of what doesn't."""
    faults = [name for name, asks in (("database", _database), ("cache", _cache)) if not asks()]
    text = f"no answer: {', '.join(faults)}" if faults else "ok"
    return HttpResponse(
        f"{text}\n",
        status=503 if faults else 200,
        content_type="text/plain",
        headers={"Cache-Control": "no-store"},
    )


def _database() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except (DatabaseError, InterfaceError):
        return False
    return True


def _cache() -> bool:
    try:
        cache.set("healthz", "ok", timeout=10)
        return bool(cache.get("healthz") == "ok")
    except (RedisError, OSError):
        return False


def _is_scraper(request: HttpRequest) -> bool:
    """Somebody of the operator's: who knows METRICS_TOKEN, or connects directly from METRICS_ALLOWED.

    The numbers name customers, by their connectors' references. For anybody else there is no such page.
    """
    return _knows_token(request) or _comes_from_allowed(request)


def _knows_token(request: HttpRequest) -> bool:
    scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
    if not settings.METRICS_TOKEN or scheme.lower() != "bearer":
        return False
    # In constant time: how long a comparison takes would tell how much of a guess is right.
    return constant_time_compare(token.strip(), settings.METRICS_TOKEN)


def _comes_from_allowed(request: HttpRequest) -> bool:
    """Never through a proxy, which stands before everybody, whether it says for whom it asks or not."""
    address = request.META.get("REMOTE_ADDR", "")
    if is_trusted_proxy(address) or any(name in request.META for name in _FORWARDED):
        return False
    try:
        return is_in_networks(address, settings.METRICS_ALLOWED)
    except ValueError:  # an entry that is no network, which sso.E005 tells the operator
        return False


def _metrics() -> HttpResponse:
    registry: CollectorRegistry = REGISTRY
    if settings.PROMETHEUS_MULTIPROC_DIR:
        registry = CollectorRegistry()
        # prometheus_client annotates only a part of itself.
        MultiProcessCollector(registry, path=settings.PROMETHEUS_MULTIPROC_DIR)  # type: ignore[no-untyped-call]
    pending = (
        "# HELP sso_pending_logins Logins under way.\n"
        "# TYPE sso_pending_logins gauge\n"
        f"sso_pending_logins {PendingLogin.under_way()}\n"
    )
    return HttpResponse(
        generate_latest(registry) + pending.encode(),
        content_type=CONTENT_TYPE_LATEST,
        headers={"Cache-Control": "no-store"},
    )
