"""What an identity provider has proved about the person who signed in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Grant:
    """What lets us act for the person at the provider (RFC 6749 section 5.1). Printed, it stays secret.

    expires_at: when the access token ends, None where the provider doesn't say.
    refresh_token: "" where there is none.
    extra: what calls of the provider's API need besides, such as the address of an instance.
    """

    access_token: str = field(repr=False)
    refresh_token: str = field(default="", repr=False)
    expires_at: datetime | None = None
    scope: str = ""
    extra: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Built only inside a protocol, from verified data.

    username: the e-mail address as the identity provider wrote it, not yet normalised.
    subject: what the identity provider calls the person for good ("" where it says nothing of the kind).
    issuer: who proved it.
    key: what proved it, as the connector names it (SAML: the certificate's SHA-256 fingerprint; OAuth 2:
        the client ID), so that a login under way ends when the connector stops trusting it.
    not_after: when the identity provider wants the session over, if it says so.
    grant: OAuth 2's tokens.
    claims: all that was said about the person, for a test only.
    """

    username: str
    subject: str
    issuer: str
    key: str
    not_after: datetime | None = None
    grant: Grant | None = None
    claims: Mapping[str, Any] = field(default_factory=dict, repr=False)
