"""The connector that this device last signed in through, for the sign-in page to offer first.

It names a connector and never a person: who sits there next learns nothing of who sat there before.
"""

from datetime import timedelta
from typing import Final

from django.core import signing
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from .. import addresses
from ..models import Connector

LIFETIME: Final = timedelta(days=180)
_SALT: Final = "sso_connectors.login.last_connector"


def _name() -> str:
    # With __Host- no sub-domain can plant a cookie of its choice here.
    return "__Host-sso-connector" if addresses.is_https() else "sso-connector"


def last_connector(request: HttpRequest) -> Connector | None:
    """The device's last connector, unless it is gone or lets nobody in any more."""
    kept = request.COOKIES.get(_name(), "")
    try:
        reference = str(signing.loads(kept, salt=_SALT, max_age=LIFETIME))
    except signing.BadSignature:
        # Unsigned, made-up references would read our customers' names off the sign-in page.
        return None
    connector = next(iter(Connector.objects.by_reference(reference)), None)
    return connector if connector is not None and connector.signs_in else None


def remember(response: HttpResponseBase, connector: Connector) -> None:
    response.set_cookie(
        _name(),
        signing.dumps(connector.reference, salt=_SALT),
        max_age=LIFETIME,
        path="/",
        secure=addresses.is_https(),
        httponly=True,
        samesite="Lax",
    )


def forget(response: HttpResponseBase) -> None:
    response.delete_cookie(_name(), path="/", samesite="Lax")
