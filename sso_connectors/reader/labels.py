"""What a label on an identity provider's screen stands for, told by its words, English and French.

Each product words its labels in its own way and changes them, so there is no list of labels. Whoever
reads by them looks at the value too.
"""

import re
import unicodedata
from enum import Enum
from typing import Final


class Kind(Enum):
    ISSUER_URL = "issuer_url"
    ENDPOINT = "endpoint"
    CERTIFICATE = "certificates"
    METADATA = "url"
    HOST = "host"
    """Of an endpoint that is only a path, as AD FS's PowerShell prints it."""
    OTHER = ""
    """Known, and none of our fields: its value must not be taken for one."""


LONGEST: Final = 160
_MOST_WORDS: Final = 14
_MOST_UNKNOWN: Final = 1

_CAMEL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NO_WORD: Final = re.compile(r"[^a-z0-9']+")


def _any(*words: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![a-z0-9])(?:{'|'.join(words)})(?![a-z0-9])")


# What is for us to give, or is none of our fields, before what is the identity provider's.
_RULES: Final = (
    (_any("host ?name", "nom d'hote"), Kind.HOST),
    (
        _any(
            "acs",
            "assertion consumer",
            "attributes?",
            "attributs?",
            "audience",
            "binding",
            "callback",
            "chiffrement",
            "consumer",
            "deconnexion",
            "destination",
            "destinataire",
            "empreinte",
            "encryption",
            "error",
            "erreur",
            "fingerprint",
            "format",
            r"identifier entity id",
            r"identificateur id d'entite",
            "idp initiated",
            "log ?out",
            "mot de passe",
            "name ?id",
            "password",
            "private",
            "recipient",
            "redirect ur[il]s?",
            "relais",
            "relay",
            "reply",
            "reponse",
            "serial",
            "service provider",
            "fournisseur de services?",
            "sign ?out",
            "single log ?out",
            "slo",
            "sp",
            "start url",
            "thumb ?print",
            "user ?name",
        ),
        Kind.OTHER,
    ),
    (_any("meta ?data", "metadonnees"), Kind.METADATA),
    (
        _any("certificates?", "certificats?", "certs?", "x ?509(?: ?cert(?:ificate)?)?"),
        Kind.CERTIFICATE,
    ),
    (
        _any(
            "issuer",
            "emetteur",
            "entity ?id",
            "id (?:d'|de l')entite",
            "(?:identifiant|identificateur) (?:d'|de l')entite",
            "identifier",
            "identificateur",
            "identifiant (?:microsoft|azure|entra|de l'idp|du fournisseur)",
        ),
        Kind.ISSUER_URL,
    ),
    (
        _any(
            "authentification",
            "connexion",
            "endpoint",
            "location",
            "log ?in",
            "log ?on",
            "passive address",
            "point de terminaison",
            "sign ?in",
            "sign ?on",
            "sso",
            "(?:idp|identity provider|saml) (?:[a-z0-9]+ )?url",
            "url de l'idp",
        ),
        Kind.ENDPOINT,
    ),
)

# What a label is made of besides; with two more words it is a sentence, not a label.
_ORDINARY: Final = frozenset(
    [
        "0",
        "1",
        "2",
        "3",
        "4",
        "5",
        "a",
        "ad",
        "address",
        "adresse",
        "adfs",
        "an",
        "and",
        "app",
        "application",
        "attached",
        "authentication",
        "auth",
        "azure",
        "base",
        "base64",
        "below",
        "beneath",
        "box",
        "ci",
        "cert",
        "client",
        "cloudflare",
        "company",
        "copy",
        "d'application",
        "d'authentification",
        "d'idp",
        "d'identite",
        "de",
        "des",
        "discovery",
        "dessous",
        "domain",
        "du",
        "employee",
        "et",
        "federation",
        "fournisseur",
        "for",
        "from",
        "google",
        "handler",
        "here",
        "http",
        "https",
        "id",
        "identity",
        "idp",
        "is",
        "joint",
        "jumpcloud",
        "l'application",
        "l'authentification",
        "l'emetteur",
        "l'entite",
        "l'idp",
        "la",
        "le",
        "login",
        "microsoft",
        "miniorange",
        "of",
        "okta",
        "on",
        "onelogin",
        "or",
        "organization",
        "organisation",
        "ou",
        "our",
        "page",
        "passive",
        "ping",
        "pingone",
        "pem",
        "post",
        "provider",
        "public",
        "publique",
        "raw",
        "redirect",
        "redirection",
        "rippling",
        "s",
        "saml",
        "saml2",
        "saml20",
        "salesforce",
        "security",
        "service",
        "services",
        "sha",
        "sign",
        "signature",
        "signing",
        "single",
        "sp",
        "initiated",
        "team",
        "the",
        "this",
        "to",
        "token",
        "jetons",
        "trust",
        "tenant",
        "unique",
        "uri",
        "url",
        "urls",
        "use",
        "v2",
        "value",
        "web",
        "workspace",
        "x",
        "your",
        "cle",
        "key",
        "primary",
        "secondary",
        "active",
        "current",
        "access",
        "connector",
    ]
)


def kind_of(label: str) -> Kind | None:
    """Return what `label` stands for; None where it is no label that we know."""
    if not label or len(label) > LONGEST:
        return None
    words = _words_of(label)
    # “SP-initiated” is a way to sign in at the identity provider, and nothing of the service provider's.
    said = words.replace("sp initiated", "initiated")
    if len(said.split()) > _MOST_WORDS:
        return None
    for pattern, kind in _RULES:
        if pattern.search(said):
            if kind is Kind.OTHER:
                return kind
            unknown = [word for word in pattern.sub(" ", said).split() if not _is_ordinary(word)]
            return kind if len(unknown) <= _MOST_UNKNOWN else None
    return None


def _is_ordinary(word: str) -> bool:
    # A second kind's word is as usual: “Entity ID / Issuer”.
    return word in _ORDINARY or any(pattern.fullmatch(word) for pattern, _kind in _RULES)


def _words_of(label: str) -> str:
    """In lower case, without accents, with single spaces; `singleSignOnService` is four words."""
    parted = _CAMEL.sub(" ", label.replace("’", "'").replace("IdP", "Idp"))
    plain = unicodedata.normalize("NFKD", parted)
    plain = "".join(each for each in plain if not unicodedata.combining(each)).lower()
    return " ".join(_NO_WORD.sub(" ", plain.replace("x.509", "x509")).split())
