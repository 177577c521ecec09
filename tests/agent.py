"""An agent at a browser, over Django's test client, with the manners of browsers that matter here.

A SAML response, and OAuth's form_post, come by a cross-site POST, with which browsers send no
SameSite=Lax cookie: `post` therefore goes without cookies, and insists that none is set. Any other answer of
OAuth comes by a GET, with them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from django.test import Client

from .idp import IdP, ReceivedRequest, read_redirect
from .openid import ALICE, OpenIdProvider, Person

CALLBACK = "/api/sso/login/callback"
OAUTH_CALLBACK = "/api/sso/login/oauth/callback"
HOST = "localhost:8000"


def _client() -> Client:
    return Client(enforce_csrf_checks=True, HTTP_HOST=HOST)


@dataclass
class Agent:
    client: Client = field(default_factory=_client)
    # Where the last login that was begun at an OAuth provider wants its answer.
    back_to: str = CALLBACK

    def open(self, reference: str = "acme", **query: str) -> Any:
        """Open a login address."""
        suffix = f"?{urlencode(query)}" if query else ""
        response = self.client.get(f"/api/sso/login/{reference}{suffix}")
        self.note_way_back(response.get("Location", ""))
        return response

    def note_way_back(self, url: str) -> None:
        """Remember where a request to an OAuth provider wants its answer."""
        asked = dict(parse_qsl(urlsplit(url).query))
        if "redirect_uri" in asked:
            self.back_to = urlsplit(asked["redirect_uri"]).path

    def start(self, reference: str = "acme", **query: str) -> ReceivedRequest:
        """Open a login address and return the request that the identity provider gets."""
        response = self.open(reference, **query)
        assert response.status_code == 302, response.content
        return read_redirect(response["Location"])

    def start_oauth(self, reference: str = "acme", **query: str) -> str:
        """Open a login address and return the address at the provider that it leads to."""
        response = self.open(reference, **query)
        assert response.status_code == 302, response.content
        return str(response["Location"])

    def bring(self, fields: Mapping[str, str]) -> Any:
        """Come back from an OAuth provider by GET."""
        return self.client.get(f"{self.back_to}?{urlencode(fields)}")

    def post(self, saml_response: str) -> Any:
        """What the identity provider's page makes the browser do."""
        return self.post_form({"SAMLResponse": saml_response}, to=CALLBACK)

    def post_form(self, fields: Mapping[str, str], *, to: str = "") -> Any:
        response = _client().post(
            to or self.back_to,
            urlencode(fields),
            content_type="application/x-www-form-urlencoded",
            HTTP_ORIGIN="https://idp.example",
            HTTP_SEC_FETCH_SITE="cross-site",
        )
        assert not response.cookies, "a cookie set here would replace that of somebody signed in"
        return response

    def finish(self, response: Any) -> Any:
        """Follow the redirect that answers the POST."""
        assert response.status_code == 303, response.content
        return self.client.get(response["Location"])

    def answer(self, saml_response: str) -> Any:
        return self.finish(self.post(saml_response))

    def sign_in(self, idp: IdP, reference: str = "acme", **lies: Any) -> Any:
        """The whole way; returns the last response, a redirect where it went well."""
        return self.answer(idp.respond(self.start(reference), **lies))

    def sign_in_oauth(
        self, provider: OpenIdProvider, reference: str = "acme", person: Person = ALICE, **lies: Any
    ) -> Any:
        """The whole way; returns the last response, a redirect where it went well."""
        return self.bring(provider.authorize(self.start_oauth(reference), person, **lies))

    @property
    def username(self) -> str | None:
        """Who is signed in in this browser, as the landing page says."""
        response = self.client.get("/")
        return str(response.context["user"]) if response.status_code == 200 else None
