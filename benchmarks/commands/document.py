"""The file that is applied: everything follows from a number, so that it is the same at each run."""

from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from ..filled.certificates import certificate

_KEY: Final = ec.generate_private_key(ec.SECP256R1()).public_key()


def document(*, connectors: int, users: int) -> dict[str, Any]:
    """A certificate of its own for each connector, one OAUTH 2 connector in twenty, one link for each user."""
    return {
        "connectors": [_connector(number) for number in range(connectors)],
        "users": [
            {
                "username": f"agent-{number}@customer-{number % connectors}.example",
                "active": True,
                "connectors": [f"customer-{number % connectors}"],
            }
            for number in range(users)
        ],
    }


def changed(before: dict[str, Any], *, every: int) -> dict[str, Any]:
    """The same file, one connector and one user in `every` changed, and as many users linked elsewhere."""
    connectors = [
        {**entry, "name": f"{entry['name']} renamed"} if number % every == 0 else entry
        for number, entry in enumerate(before["connectors"])
    ]
    users = []
    for number, entry in enumerate(before["users"]):
        if number % every == 0:
            users.append({**entry, "staff": True})
        elif number % every == 1:
            users.append({**entry, "connectors": ["customer-0"]})
        else:
            users.append(entry)
    return {"connectors": connectors, "users": users}


def _connector(number: int) -> dict[str, Any]:
    common = {
        "name": f"Customer {number}",
        "reference": f"customer-{number}",
        "enabled": True,
        "contact": f"it@customer-{number}.example",
    }
    if number % 20 == 19:
        return {
            **common,
            "type": "oauth2",
            "authentication_method": "google",
            "client_id": f"client-{number}",
            "client_secret": f"secret of the client {number}",
            "options": {"hosted_domain": f"customer-{number}.example"},
        }
    return {
        **common,
        "type": "saml2",
        "issuer_url": f"https://idp.customer-{number}.example/saml/metadata",
        "endpoint": f"https://idp.customer-{number}.example/saml/sso",
        "certificates": [certificate(number, _KEY).public_bytes(Encoding.PEM).decode()],
    }
