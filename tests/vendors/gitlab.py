"""GitLab's double: each refresh ends the refresh token before."""

import time
from collections.abc import Mapping
from typing import Any

from .oidc import OidcVendor


class GitLabVendor(OidcVendor):
    authorize_path = "/oauth/authorize"
    token_path = "/oauth/token"
    jwks_path = "/oauth/discovery/keys"
    userinfo_path = "/oauth/userinfo"
    revocation_path = "/oauth/revoke"
    scopes = frozenset({"openid", "profile", "email"})
    basic = True
    methods = ("client_secret_basic", "client_secret_post")
    rotates = True
    life = 7200

    def __init__(self, *, host: str = "127.0.0.1") -> None:
        super().__init__(host=host)
        self.person = {"sub": "1", "email": "alice@acme.example", "email_verified": True}

    def claims(self, asked: Mapping[str, str]) -> dict[str, Any]:
        """The person signed in there an hour ago."""
        return super().claims(asked) | {"auth_time": int(time.time()) - 3600}
