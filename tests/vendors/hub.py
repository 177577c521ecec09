"""A vendor whose tokens end, rotate and are revoked, and that can be slow, broken, or gone."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.utils import timezone

from sso_connectors.models import Connector, Link, Token
from sso_connectors.protocols import PROTOCOLS
from sso_connectors.results.identity import Grant, Identity
from sso_connectors.secrets.encryption import Secret
from tests.conftest import ConnectorMaker

from .code_grant import CLIENT_ID, CLIENT_SECRET, REDIRECT_URI, Tokens
from .oidc import OidcVendor
from .server import Reply, Request

Fault = Callable[[Request], Reply | None]


class Hub(OidcVendor):
    authorize_path = "/authorize"
    token_path = "/token"
    revocation_path = "/revoke"
    scopes = frozenset({"openid", "profile", "email"})
    basic = True

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.person = {"sub": "1", "email": "alice@acme.example", "email_verified": True}
        self.seconds = 0.0  # that each answer of the token endpoint takes
        self.fault: Fault | None = None
        self.is_rotating = True
        self._one_by_one = threading.Lock()

    @property
    def rotates(self) -> bool:  # type: ignore[override]
        return self.is_rotating

    def token(self, request: Request) -> Reply:
        time.sleep(self.seconds)
        with self._one_by_one:
            answer = self.fault(request) if self.fault else None
            return answer or super().token(request)

    def revoke(self, request: Request) -> Reply:
        answer = self.fault(request) if self.fault else None
        return answer or super().revoke(request)

    @property
    def refreshes(self) -> int:
        return len(self.server.asked(self.token_path))

    @property
    def revoked(self) -> list[bool]:
        """Of each grant, whether it is over."""
        return [grant.is_over for grant in self.grants]

    def issue(self, *, lasts: int | None = 3600, refreshable: bool = True, **extra: str) -> Grant:
        """The tokens of a new grant, as a sign-in gets them."""
        tokens = Tokens(self.person)
        self.grants.append(tokens)
        answer = self.answer(tokens, asked={}, is_new=True)
        if not refreshable:
            tokens.refresh = ""
        return Grant(
            access_token=tokens.access,
            refresh_token=tokens.refresh,
            expires_at=None if lasts is None else timezone.now() + timedelta(seconds=lasts),
            scope=answer["scope"],
            extra=extra,
        )

    def sign_in(self, link: Link, grant: Grant | None = None, **options: Any) -> Token:
        """What a login does with the tokens that it brings; they were issued just now."""
        admit(link, grant or self.issue(**options))
        return Token.objects.get(link=link)

    def works(self, value: str) -> bool:
        """Whether the access token opens anything here."""
        return any(grant.access == value and not grant.is_over for grant in self.grants)


def admit(link: Link, grant: Grant | None) -> None:
    identity = Identity(
        username=link.user.username,
        subject="1",
        issuer=link.connector.issuer_url,
        key=link.connector.client_id,
        grant=grant,
    )
    PROTOCOLS["oauth2"].admitted(link, identity)


def connect(hub: Hub, make_connector: ConnectorMaker, reference: str = "hub") -> Connector:
    hub.redirect_uri = REDIRECT_URI.replace("acme", reference)
    return make_connector(
        reference,
        type="oauth2",
        authentication_method="oidc",
        client_id=CLIENT_ID,
        client_secret=Secret.seal(CLIENT_SECRET),
        options={"issuer": hub.issuer},
        certificates="",
        endpoint="",
    )
