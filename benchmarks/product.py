"""The product as the benchmarks run it: under its own settings, whatever .env says."""

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
BASE: Final = "http://localhost:8000"
METADATA: Final = "/api/saml/metadata"
CALLBACK: Final = "/api/sso/login/callback"

_CLAIMS: Final = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims"
_MICROSOFT: Final = "http://schemas.microsoft.com"
# What Entra ID sends about somebody in a dozen groups.
ATTRIBUTES: Final = {
    f"{_MICROSOFT}/identity/claims/tenantid": ["0f3b9c52-6a0e-4c1b-9d5e-2f6c7f0a1b2c"],
    f"{_MICROSOFT}/identity/claims/displayname": ["Alice Archer"],
    f"{_CLAIMS}/givenname": ["Alice"],
    f"{_CLAIMS}/surname": ["Archer"],
    f"{_CLAIMS}/emailaddress": ["alice.archer@acme.example"],
    f"{_MICROSOFT}/ws/2008/06/identity/claims/groups": [
        f"7d1e4f5a-0b2c-4d3e-8f6a-{number:012x}" for number in range(12)
    ],
}


def environment(database_url: str) -> dict[str, str]:
    """What the product's process is given. Every value that could change its speed is here."""
    return {
        "DJANGO_SETTINGS_MODULE": "maker.settings",
        "SECRET_KEY": "only-for-benchmarks-" + "x" * 50,
        "DEBUG": "false",
        "PUBLIC_BASE_URL": BASE,
        "ALLOWED_HOSTS": "localhost",
        "TRUSTED_PROXIES": "",
        "DATABASE_URL": database_url,
        "CACHE_URL": "locmemcache://",
    }
