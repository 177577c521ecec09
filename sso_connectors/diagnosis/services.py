"""Which identity provider a connector has, and what that calls the things that we name."""

from collections.abc import Mapping
from typing import Final

from django_stubs_ext import StrOrPromise

from ..models import Connector, ConnectorType
from ..providers import PROVIDERS
from ..reader.idp_words import Words, recognise
from .sentences import Service, Topic

# Beside what they call our fields: the settings that a failed check leads to, as docs/idp has them.
_SETTINGS: Final[Mapping[str, Mapping[Topic, str]]] = {
    "google": {Topic.USERNAME: "Name ID"},
    "entra": {
        Topic.ALGORITHM: "Signing Algorithm",
        Topic.ENCRYPTION: "Token encryption",
        Topic.USERNAME: "Unique User Identifier (Name ID)",
    },
    "okta": {
        Topic.ALGORITHM: "Signature Algorithm",
        Topic.ENCRYPTION: "Assertion Encryption",
        Topic.USERNAME: "Application username",
    },
    "adfs": {
        Topic.ALGORITHM: "Secure hash algorithm",
        Topic.ENCRYPTION: "Encryption",
        Topic.USERNAME: "Edit Claim Issuance Policy, Name ID",
    },
    "onelogin": {
        Topic.RECIPIENT: "Recipient",
        Topic.SIGNING: "SAML signature element",
        Topic.ALGORITHM: "SAML Signature Algorithm",
        Topic.USERNAME: "SAML nameID format",
    },
    "jumpcloud": {
        Topic.SIGNING: "Sign",
        Topic.ALGORITHM: "Signature Algorithm",
        Topic.USERNAME: "SAMLSubject NameID",
    },
    "keycloak": {
        Topic.SIGNING: "Sign documents",
        Topic.ALGORITHM: "Signature algorithm",
        Topic.ENCRYPTION: "Encrypt assertions",
        Topic.USERNAME: "Name ID format",
    },
    "pingfederate": {
        Topic.SIGNING: "Signature Policy",
        Topic.ALGORITHM: "Digital Signature Settings",
        Topic.USERNAME: "SAML_SUBJECT",
    },
}
# People run these themselves, or may.
_RUN_BY_CUSTOMERS: Final = frozenset({"adfs", "keycloak", "pingfederate", "gitlab", "oidc"})


def service_of(connector: Connector | None) -> Service | None:
    if connector is None:
        return None
    if connector.type == ConnectorType.OAUTH2:
        return _provider(connector.authentication_method)
    idp = recognise(issuer_url=connector.issuer_url, endpoint=connector.endpoint)
    if idp is None:
        return None
    words = {**_fields(idp.words), **_SETTINGS.get(idp.key, {})}
    return Service(idp.label, words, runs_itself=idp.key not in _RUN_BY_CUSTOMERS)


def _fields(words: Words) -> dict[Topic, str]:
    """What it calls our fields; an address in their place is no name to look for on a screen."""
    named = {
        Topic.IDENTITY: words.identity,
        Topic.REPLY_URL: words.reply_url,
        Topic.RECIPIENT: words.reply_url,
        Topic.ISSUER: words.issuer_url,
        Topic.CERTIFICATE: words.certificate,
        Topic.FORMAT: words.identifier_format,
    }
    return {topic: word for topic, word in named.items() if "<" not in word}


def _provider(method: str) -> Service | None:
    provider = PROVIDERS.get(method)
    if provider is None:
        return None
    words: dict[Topic, StrOrPromise] = {
        Topic(topic): word for topic, word in provider.words.items() if topic in Topic.values
    }
    words[Topic.REPLY_URL] = provider.register_where
    return Service(str(provider.label), words, runs_itself=method not in _RUN_BY_CUSTOMERS)
