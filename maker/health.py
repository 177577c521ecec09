"""What a load balancer and Prometheus ask, before the host check and the redirect to https.

Both ask by address and over plain http.
"""

import ipaddress

from django.conf import settings
from django.core.cache import cache
from django.db import DatabaseError, InterfaceError, connection
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from redis.exceptions import RedisError

from sso_connectors.pending import PendingLogin

from .middleware import GetResponse


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
    """Somebody of the operator's: connected directly, through no proxy, from a private address.

    The numbers name customers, by their connectors' references. For anybody else there is no such page.
    """
    if "HTTP_X_FORWARDED_FOR" in request.META:
        return False
    try:
        address = ipaddress.ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:
        return False
    return address.is_private


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
