"""The SAML identity providers that we know by their addresses, and what their screens call our fields.

Recognising one only chooses words. What is trusted is what stands in the connector's own fields.
"""

import re
from dataclasses import dataclass
from typing import Final

_HOST: Final = r"https?://[^/?#\s]+"
_GUID: Final = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_MICROSOFT: Final = (
    r"https://login\.(?:microsoftonline\.(?:com|us)|(?:partner\.microsoftonline|chinacloudapi)\.cn)"
)
_OKTA: Final = r"https://[^/?#\s]+\.okta(?:preview|-emea|-gov)?\.(?:com|mil)"


@dataclass(frozen=True, kw_only=True)
class Words:
    """What the screens of an identity provider call our fields, in their own words, so not translated.

    With angle brackets it is an address that no screen there gives a name to.
    """

    identity: str
    reply_url: str
    issuer_url: str
    endpoint: str
    certificate: str
    identifier_format: str


@dataclass(frozen=True, kw_only=True)
class Idp:
    """`guide` is its page in docs/idp, without the ending.

    `starts_there` is what begins a sign-in from their side, and so knows nothing of our request: a
    dashboard's link. `example_issuer` and `example_endpoint` are shown; "" where an administrator or
    the server's operator chooses it.
    """

    key: str
    label: str
    guide: str
    words: Words
    example_issuer: str
    example_endpoint: str
    issuer: re.Pattern[str] | None
    endpoint: re.Pattern[str]
    starts_there: re.Pattern[str] | None = None


def _address(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


# A group `tenant` in both patterns names the customer there; both must then name the same one.
IDPS: Final = (
    Idp(
        key="google",
        label="Google Workspace",
        guide="google-workspace",
        words=Words(
            identity="Entity ID",
            reply_url="ACS URL",
            issuer_url="Entity ID",
            endpoint="SSO URL",
            certificate="Certificate",
            identifier_format="Name ID format",
        ),
        example_issuer="https://accounts.google.com/o/saml2?idpid=<id>",
        example_endpoint="https://accounts.google.com/o/saml2/idp?idpid=<id>",
        issuer=_address(r"https://accounts\.google\.com/o/saml2\?idpid=(?P<tenant>[^&#\s]+)"),
        endpoint=_address(r"https://accounts\.google\.com/o/saml2/idp\?idpid=(?P<tenant>[^&#\s]+)"),
        starts_there=_address(r"https://accounts\.google\.com/o/saml2/initsso\?\S*"),
    ),
    Idp(
        key="entra",
        label="Microsoft Entra ID",
        guide="entra-id",
        words=Words(
            identity="Identifier (Entity ID)",
            reply_url="Reply URL (Assertion Consumer Service URL)",
            issuer_url="Microsoft Entra Identifier",
            endpoint="Login URL",
            certificate="Certificate (Base64)",
            identifier_format="Name identifier format",
        ),
        example_issuer="https://sts.windows.net/<tenant>/",
        example_endpoint="https://login.microsoftonline.com/<tenant>/saml2",
        issuer=_address(
            rf"https://sts\.(?:windows\.net|chinacloudapi\.cn)/(?:(?P<tenant>{_GUID})(?:/\S*)?|[^/?#\s]+/?)"
        ),
        endpoint=_address(
            rf"(?:{_MICROSOFT}|https://[^/?#\s]+\.ciamlogin\.com)"
            rf"/(?:(?P<tenant>{_GUID})|[^/?#\s]+)/saml2/?"
        ),
        starts_there=_address(
            r"https://(?:launcher\.)?(?:myapps|myapplications)\.microsoft\.com/\S*"
            r"|https://account\.activedirectory\.windowsazure\.(?:com|us|cn)/applications/\S*"
        ),
    ),
    Idp(
        key="okta",
        label="Okta",
        guide="okta",
        words=Words(
            identity="Audience URI (SP Entity ID)",
            reply_url="Single sign-on URL",
            issuer_url="Identity Provider Issuer",
            endpoint="Identity Provider Single Sign-On URL",
            certificate="X.509 Certificate",
            identifier_format="Name ID format",
        ),
        example_issuer="http://www.okta.com/<key>",
        example_endpoint="https://<company>.okta.com/app/<app>/<key>/sso/saml",
        issuer=_address(r"https?://www\.okta\.com/(?P<tenant>[^/?#\s]+)/?"),
        # A company may have a host name of its own there; the key is Okta's.
        endpoint=_address(
            rf"(?:{_OKTA}|https://[^/?#\s]+(?=/app/(?:[^/?#\s]+/)?exk))"
            r"/app/(?:[^/?#\s]+/)?(?P<tenant>[^/?#\s]+)/sso/saml/?"
        ),
        starts_there=_address(rf"{_OKTA}/(?:home|login|app/UserHome)(?:[/?]\S*)?"),
    ),
    Idp(
        key="adfs",
        label="AD FS",
        guide="ad-fs",
        words=Words(
            identity="Relying party trust identifier",
            reply_url="Relying party SAML 2.0 SSO service URL",
            issuer_url="http://<host>/adfs/services/trust",
            endpoint="https://<host>/adfs/ls/",
            certificate="Token-signing",
            identifier_format="Outgoing name ID format",
        ),
        example_issuer="http://<host>/adfs/services/trust",
        example_endpoint="https://<host>/adfs/ls/",
        issuer=_address(r"https?://(?P<tenant>[^/?#\s:]+)(?::\d+)?/adfs/services/trust/?"),
        endpoint=_address(r"https?://(?P<tenant>[^/?#\s:]+)(?::\d+)?/adfs/ls/?(?:\?\S*)?"),
        starts_there=_address(rf"{_HOST}/adfs/ls/idpinitiatedsignon(?:\.aspx)?(?:\?\S*)?"),
    ),
    Idp(
        key="onelogin",
        label="OneLogin",
        guide="onelogin",
        words=Words(
            identity="Audience (EntityID)",
            reply_url="ACS (Consumer) URL",
            issuer_url="Issuer URL",
            endpoint="SAML 2.0 Endpoint (HTTP)",
            certificate="X.509 Certificate",
            identifier_format="SAML nameID format",
        ),
        example_issuer="https://app.onelogin.com/saml/metadata/<id>",
        example_endpoint="https://<company>.onelogin.com/trust/saml2/http-redirect/sso/<id>",
        issuer=_address(r"https://[^/?#\s]+\.onelogin\.com/saml/metadata/[^/?#\s]+"),
        endpoint=_address(
            r"https://[^/?#\s]+\.onelogin\.com/trust/saml2/http-(?:post|redirect)/sso/[^?#\s]+"
        ),
        starts_there=_address(r"https://[^/?#\s]+\.onelogin\.com/(?:launch|portal)(?:/\S*)?"),
    ),
    Idp(
        key="jumpcloud",
        label="JumpCloud",
        guide="jumpcloud",
        words=Words(
            identity="SP Entity ID",
            reply_url="ACS URLs",
            issuer_url="IdP Entity ID",
            endpoint="IdP URL",
            certificate="Export Metadata",
            identifier_format="SAMLSubject NameID Format",
        ),
        example_issuer="",
        example_endpoint="https://sso.jumpcloud.com/saml2/<app>",
        # The administrator types it, often the very address of the endpoint.
        issuer=None,
        endpoint=_address(r"https://sso\.(?:[a-z]{2}\.)?jumpcloud\.com/saml2/[^?#\s]+"),
        starts_there=_address(r"https://console\.(?:[a-z]{2}\.)?jumpcloud\.com(?:/\S*)?"),
    ),
    Idp(
        key="keycloak",
        label="Keycloak",
        guide="keycloak",
        words=Words(
            identity="Client ID",
            reply_url="Valid redirect URIs",
            issuer_url="<root>/realms/<realm>",
            endpoint="<root>/realms/<realm>/protocol/saml",
            certificate="Realm settings, Keys, RS256",
            identifier_format="Name ID format",
        ),
        example_issuer="https://<host>/realms/<realm>",
        example_endpoint="https://<host>/realms/<realm>/protocol/saml",
        issuer=_address(rf"{_HOST}(?:/[^?#\s]*?)?/realms/(?P<tenant>[^/?#\s]+)/?"),
        endpoint=_address(rf"{_HOST}(?:/[^?#\s]*?)?/realms/(?P<tenant>[^/?#\s]+)/protocol/saml/?"),
        starts_there=_address(
            rf"{_HOST}(?:/[^?#\s]*?)?/realms/[^/?#\s]+/protocol/saml/clients/\S*"
        ),
    ),
    Idp(
        key="pingfederate",
        label="PingFederate",
        guide="pingfederate",
        words=Words(
            identity="Partner's Entity ID",
            reply_url="Assertion Consumer Service URL",
            issuer_url="SAML 2.0 Entity ID",
            endpoint="https://<host>:9031/idp/SSO.saml2",
            certificate="Signing certificate",
            identifier_format="SAML_SUBJECT",
        ),
        example_issuer="",
        example_endpoint="https://<host>:9031/idp/SSO.saml2",
        # The server's operator chooses it.
        issuer=None,
        endpoint=_address(rf"{_HOST}/idp/SSO\.saml2"),
        starts_there=_address(rf"{_HOST}/idp/startSSO\.ping(?:\?\S*)?"),
    ),
)

# Links of identity providers that have no entry above, and words that such links have everywhere.
_STARTS: Final = (
    _address(
        # authentik, Salesforce, SimpleSAMLphp, Shibboleth
        rf"{_HOST}/(?:[^?#\s]*/)?application/saml/[^/?#\s]+/(?:sso/)?binding/init/?(?:\?\S*)?"
        rf"|{_HOST}/(?:[^?#\s]*/)?idp/login\?(?:\S*&)?app=\S*"
        rf"|{_HOST}/(?:[^?#\s]*/)?saml2/idp/(?:initSSO|SSOService)\.php\?(?:\S*&)?spentityid=\S*"
        rf"|{_HOST}/(?:[^?#\s]*/)?profile/SAML2/Unsolicited/SSO(?:\?\S*)?"
        # PingOne and its relatives, and whoever says so in the path
        rf"|{_HOST}/(?:[^?#\s]*/)?(?:start-?sso|init-?sso|idp-?initiated(?:-?sso)?)(?:\.\w+)?/?(?:\?\S*)?"
    ),
)
_SIGNS_OUT: Final = _address(r"\S*(?:(?<![a-z])slo(?![a-z])|log-?out|sign-?out)\S*")
_SIGNS_IN: Final = _address(
    rf"{_HOST}/(?:[^?#\s]*/)?"
    r"[^/?#\s]*(?:sso|saml2?|log-?in|sign-?(?:in|on)|http-?(?:redirect|post))[^/?#\s]*/?(?:\?\S*)?"
)

_ISSUER_LIKE: Final = _address(rf"{_HOST}/?|{_HOST}/(?:[^?#\s]*/)?(?:entity(?:-?id)?|issuer|idp)/?")

_METADATA = _address(
    rf"{_HOST}/(?:[^?#\s]*/)?(?:"
    r"federationmetadata\.xml|federation_metadata\.ping|[^/?#\s]*metadata(?:\.xml|\.php)?"
    r"|protocol/saml/descriptor|saml/metadata/[^/?#\s]+|\.well-known/samlidp/[^/?#\s]+"
    r")/?(?:\?\S*)?"
)


def recognise(*, issuer_url: str, endpoint: str) -> Idp | None:
    """Return the identity provider that these are addresses of. The endpoint counts for more.

    At some an administrator types the issuer, and may type anything.
    """
    return of_endpoint(endpoint) or of_issuer(issuer_url)


def of_issuer(url: str) -> Idp | None:
    return next((idp for idp in IDPS if idp.issuer and idp.issuer.fullmatch(url)), None)


def of_endpoint(url: str) -> Idp | None:
    return next((idp for idp in IDPS if idp.endpoint.fullmatch(url)), None)


def of_start(url: str) -> Idp | None:
    """Return the identity provider of whose dashboard `url` is a link."""
    return next((idp for idp in IDPS if idp.starts_there and idp.starts_there.fullmatch(url)), None)


def starts_a_sign_in(url: str) -> bool:
    """Whether `url` is a link that starts a sign-in at the identity provider, without our request."""
    return of_start(url) is not None or any(pattern.fullmatch(url) for pattern in _STARTS)


def looks_like_endpoint(url: str) -> bool:
    """Whether the path of `url`, of an identity provider that we needn't know, speaks of signing in."""
    return bool(
        _SIGNS_IN.fullmatch(url)
        and not _SIGNS_OUT.fullmatch(url)
        and not is_metadata_address(url)
        and not starts_a_sign_in(url)
    )


def looks_swapped(issuer_url: str, endpoint: str) -> bool:
    """Whether the issuer has a path like an endpoint's, and the endpoint none, or one like an issuer's.

    For identity providers that we don't know; many issuers do look like an endpoint, alone.
    """
    return (
        looks_like_endpoint(issuer_url)
        and not looks_like_endpoint(endpoint)
        and bool(_ISSUER_LIKE.fullmatch(endpoint))
    )


def is_metadata_address(url: str) -> bool:
    """Whether `url` looks like where metadata is published. At OneLogin that is the issuer too."""
    return bool(_METADATA.fullmatch(url))


def tenants(*, issuer_url: str, endpoint: str) -> tuple[str, str] | None:
    """Return the customer's name in each, in lower case; None where one of them doesn't say."""
    idp = of_endpoint(endpoint)
    by_issuer = idp.issuer.fullmatch(issuer_url) if idp and idp.issuer else None
    by_endpoint = idp.endpoint.fullmatch(endpoint) if idp else None
    if by_issuer is None or by_endpoint is None:
        return None
    one, other = (match.groupdict().get("tenant") for match in (by_issuer, by_endpoint))
    return (one.lower(), other.lower()) if one and other else None
