"""Our own addresses, pasted back to us: they belong into the identity provider."""

from .. import addresses


def is_ours(text: str) -> bool:
    """Whether it is our entity ID, our reply URL, or a login address of ours."""
    even = text.rstrip("/").lower()
    login = addresses.login_address("").lower()
    return even == addresses.identity().lower() or f"{even}/".startswith(login)
