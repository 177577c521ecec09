"""Our metadata (saml-metadata-2.0), for identity providers to read."""

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.views.decorators.cache import cache_control
from django.views.decorators.http import conditional_page, require_safe
from djangosaml2.views import MetadataView

_view = MetadataView.as_view()


@require_safe
@conditional_page
@cache_control(public=True, max_age=3600)
def metadata(request: HttpRequest) -> HttpResponseBase:
    """One document for all connectors; the same until PUBLIC_BASE_URL changes, so it has an ETag."""
    response: HttpResponseBase = _view(request)
    return response
