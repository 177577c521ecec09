"""djangosaml2 as its documentation sets it up, with one identity provider and existing users."""

import os

from saml2 import BINDING_HTTP_POST, BINDING_HTTP_REDIRECT

from ..product import BASE
from .peer_settings import *  # noqa: F403
from .peer_settings import INSTALLED_APPS, MIDDLEWARE

INSTALLED_APPS = [*INSTALLED_APPS, "djangosaml2"]
MIDDLEWARE = [*MIDDLEWARE, "djangosaml2.middleware.SamlSessionMiddleware"]
AUTHENTICATION_BACKENDS = ["djangosaml2.backends.Saml2Backend"]
ROOT_URLCONF = "benchmarks.logins.djangosaml2_urls"
# The same binding of the request, and the same rule for the name, as the others have.
SAML_DEFAULT_BINDING = BINDING_HTTP_REDIRECT
SAML_USE_NAME_ID_AS_USERNAME = True
SAML_CREATE_UNKNOWN_USER = False
SAML_CONFIG = {
    "entityid": f"{BASE}/saml2/metadata/",
    "xmlsec_binary": os.environ["BENCHMARK_XMLSEC1"],
    "metadata": {"local": [os.environ["BENCHMARK_METADATA"]]},
    "service": {
        "sp": {
            "endpoints": {
                "assertion_consumer_service": [(f"{BASE}/saml2/acs/", BINDING_HTTP_POST)]
            },
            "want_assertions_signed": True,
            "want_response_signed": False,
            "authn_requests_signed": False,
            "allow_unsolicited": False,
        }
    },
}
