"""What an identity provider has proved about the person who signed in."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Built only inside a Protocol's `complete()`, from verified data.

    username: the e-mail address as the identity provider wrote it, not yet normalised.
    subject: what the identity provider calls the person for good ("" where it says nothing of the kind).
    issuer: who proved it.
    key: what proved it, as the connector names it (SAML: the certificate's SHA-256 fingerprint), so
        that a login under way ends when the connector stops trusting it.
    not_after: when the identity provider wants the session over, if it says so.
    """

    username: str
    subject: str
    issuer: str
    key: str
    not_after: datetime | None = None
