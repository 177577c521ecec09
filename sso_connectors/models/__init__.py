"""The tables, one file each. Everything else imports them from here."""

from .attempt import (
    Attempt,
)
from .certificate import (
    Certificate,
)
from .connector import (
    COMPLETE,
    IS_REFERENCE,
    OAUTH2_REQUIRED,
    REFERENCE_PATTERN,
    SAML_REQUIRED,
    TRUST_FIELDS,
    Binding,
    Connector,
    ConnectorType,
    IdentifierFormat,
    RedirectUri,
    State,
    authentication_methods,
    redirect_address,
)
from .link import (
    Link,
)
from .pending_login import (
    PendingLogin,
)
from .token import (
    Token,
)

__all__ = [
    "COMPLETE",
    "IS_REFERENCE",
    "OAUTH2_REQUIRED",
    "REFERENCE_PATTERN",
    "SAML_REQUIRED",
    "TRUST_FIELDS",
    "Attempt",
    "Binding",
    "Certificate",
    "Connector",
    "ConnectorType",
    "IdentifierFormat",
    "Link",
    "PendingLogin",
    "RedirectUri",
    "State",
    "Token",
    "authentication_methods",
    "redirect_address",
]
