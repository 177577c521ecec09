"""What wants an administrator's attention: the Maker's front page counts it, and the lists filter by it.

Both use these conditions, so that a number and the list it leads to agree.
"""

from datetime import timedelta
from functools import reduce
from operator import or_
from typing import Final

from django.db.models import Q, QuerySet
from django.utils import timezone

from ..certificates.parsing import EXPIRING
from ..models import ConnectorType, Link, RedirectUri
from ..models.token import TokenState
from ..providers import PROVIDERS

# An agent who was linked longer ago than this should have signed in by now.
UNUSED_AFTER: Final = timedelta(days=7)

# Complete for an earlier version, which let people of any workspace, account or organisation in.
LACKS_TENANT: Final = Q(type=ConnectorType.OAUTH2) & reduce(
    or_,
    (
        Q(authentication_method=method) & provider.lacks_tenant
        for method, provider in PROVIDERS.items()
        if provider.lacks_tenant is not None
    ),
)
WITHOUT_TENANT: Final = Q(enabled=True) & LACKS_TENANT
FAILING: Final = Q(enabled=True) & ~Q(failing_cause="") & ~LACKS_TENANT
_CERTIFICATE_IN_USE: Final = Q(enabled=True, type=ConnectorType.SAML2)


# Sign-ins are refused there unless the customer's server names itself in each answer, which one that has
# passed has shown. At gitlab.com everybody has one server, and elsewhere a customer has one of their own.
_RUN_BY_CUSTOMERS: Final = Q(authentication_method__in=("oidc", "okta")) | (
    Q(authentication_method="gitlab", options__has_key="host") & ~Q(options__host="gitlab.com")
)
SHARED_REDIRECT_URI: Final = (
    _RUN_BY_CUSTOMERS
    & Q(enabled=True, type=ConnectorType.OAUTH2, tested_at=None)
    & ~Q(redirect_uri=RedirectUri.OWN)
)


def certificate_ended() -> Q:
    return _CERTIFICATE_IN_USE & Q(certificates_end__lte=timezone.now())


def certificate_ending() -> Q:
    """Within 30 days, and has not yet."""
    now = timezone.now()
    return _CERTIFICATE_IN_USE & Q(certificates_end__gt=now, certificates_end__lt=now + EXPIRING)


def never_used() -> "QuerySet[Link]":
    """Links through which nobody has signed in, though there was time to."""
    return Link.objects.filter(last_sign_in_at=None, created_at__lt=timezone.now() - UNUSED_AFTER)


def to_reconnect() -> "QuerySet[Link]":
    """Links whose tokens are dead until their user signs in again."""
    return Link.objects.filter(token__state=TokenState.RECONNECT_NEEDED)
