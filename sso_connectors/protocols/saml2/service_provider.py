"""Who we are to identity providers: one service provider for all connectors."""

from functools import lru_cache

from django.http import HttpRequest
from saml2 import BINDING_HTTP_POST
from saml2.config import SPConfig

from ... import addresses
from .authn_request import NAME_ID_FORMATS


def load(request: HttpRequest | None = None) -> SPConfig:
    """The configuration that djangosaml2's metadata view reads (settings.SAML_CONFIG_LOADER)."""
    return _configuration(addresses.identity(), addresses.reply_url())


@lru_cache(maxsize=8)
def _configuration(identity: str, reply_url: str) -> SPConfig:
    # encryption_keypairs must never be set: with them, decryption would weaken what is demanded of
    # a signature.
    configuration = SPConfig()
    configuration.load(
        {
            "entityid": identity,
            "service": {
                "sp": {
                    "endpoints": {
                        "assertion_consumer_service": [(reply_url, BINDING_HTTP_POST)],
                    },
                    "name_id_format": list(NAME_ID_FORMATS.values()),
                    "authn_requests_signed": False,
                    "want_assertions_signed": True,
                    "allow_unsolicited": False,
                },
            },
        }
    )
    return configuration
