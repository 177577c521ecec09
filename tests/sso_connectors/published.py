"""The metadata that each identity provider publishes: theirs in shape, with keys made here."""

from datetime import UTC, datetime, timedelta
from typing import Final

from tests.idp import DS, MD, SAMLP, XSI, bare, default_key, other_key

BINDING: Final = "urn:oasis:names:tc:SAML:2.0:bindings:"
FORMAT_1_1: Final = "urn:oasis:names:tc:SAML:1.1:nameid-format:"
FORMAT_2_0: Final = "urn:oasis:names:tc:SAML:2.0:nameid-format:"
TENANT: Final = "0f6b1c3e-2f43-4a5d-9c6e-0b6a6f5f4d11"


def key(use: str | None = "signing", pem: str | None = None, prefix: str = "md:") -> str:
    attribute = "" if use is None else f' use="{use}"'
    return (
        f'<{prefix}KeyDescriptor{attribute}><KeyInfo xmlns="{DS}"><X509Data><X509Certificate>\n'
        f"{bare(pem or default_key().pem)}\n"
        f"</X509Certificate></X509Data></KeyInfo></{prefix}KeyDescriptor>"
    )


def service(binding: str, location: str, prefix: str = "md:", name: str = "SingleSignOn") -> str:
    return f'<{prefix}{name}Service Binding="{BINDING}{binding}" Location="{location}"/>'


def name_id(*formats: str) -> str:
    return "".join(f"<md:NameIDFormat>{each}</md:NameIDFormat>" for each in formats)


def role(body: str, attributes: str = "", name: str = "IDPSSODescriptor") -> str:
    return f'<md:{name} protocolSupportEnumeration="{SAMLP}"{attributes}>{body}</md:{name}>'


def entity(body: str, entity_id: str = "https://idp.example/saml", attributes: str = "") -> str:
    return (
        f'<md:EntityDescriptor xmlns:md="{MD}" entityID="{entity_id}"{attributes}>'
        f"{body}</md:EntityDescriptor>"
    )


def entities(*each: str) -> str:
    return f'<md:EntitiesDescriptor xmlns:md="{MD}">{"".join(each)}</md:EntitiesDescriptor>'


def google() -> str:
    until = f"{datetime.now(UTC) + timedelta(days=900):%Y-%m-%dT%H:%M:%S.000Z}"
    url = "https://accounts.google.com/o/saml2/idp?idpid=C01abcd23"
    return '<?xml version="1.0" encoding="UTF-8" standalone="no"?>\n' + entity(
        role(
            key()
            + name_id(FORMAT_1_1 + "emailAddress")
            + service("HTTP-Redirect", url)
            + service("HTTP-POST", url),
            ' WantAuthnRequestsSigned="false"',
        ),
        "https://accounts.google.com/o/saml2?idpid=C01abcd23",
        f' validUntil="{until}"',
    )


def entra() -> str:
    """Signed, and with two roles of WS-Federation before the one that counts."""
    url = f"https://login.microsoftonline.com/{TENANT}/saml2"
    fed = 'xmlns:fed="http://docs.oasis-open.org/wsfed/federation/200706"'
    token = f'xmlns:xsi="{XSI}" {fed} protocolSupportEnumeration="http://schemas.xmlsoap.org/ws/2005/02/trust"'
    return (
        f'\ufeff<?xml version="1.0" encoding="utf-8"?><EntityDescriptor ID="_6b1c" '
        f'entityID="https://sts.windows.net/{TENANT}/" xmlns="{MD}">'
        f'<Signature xmlns="{DS}"><SignedInfo/><SignatureValue>MA==</SignatureValue><KeyInfo><X509Data>'
        f"<X509Certificate>{bare(other_key().pem)}</X509Certificate></X509Data></KeyInfo></Signature>"
        f'<RoleDescriptor xsi:type="fed:SecurityTokenServiceType" {token}>'
        f"{key('signing', other_key().pem, '')}</RoleDescriptor>"
        f'<IDPSSODescriptor protocolSupportEnumeration="{SAMLP}">{key(prefix="")}'
        + service("HTTP-Redirect", url, "", "SingleLogout")
        + service("HTTP-Redirect", url, "")
        + service("HTTP-POST", url, "")
        + "</IDPSSODescriptor></EntityDescriptor>"
    )


def okta() -> str:
    url = "https://acme.okta.com/app/acme_inocx_1/exk1fcia6d6EMsf331d8/sso/saml"
    return '<?xml version="1.0" encoding="UTF-8"?>' + entity(
        role(
            key()
            + name_id(FORMAT_1_1 + "unspecified", FORMAT_1_1 + "emailAddress")
            + service("HTTP-POST", url)
            + service("HTTP-Redirect", url),
            ' WantAuthnRequestsSigned="false"',
        ),
        "http://www.okta.com/exk1fcia6d6EMsf331d8",
    )


def adfs() -> str:
    """It is a service provider too, has an encryption key, and signs with the second key soon."""
    url = "https://fs.acme.example/adfs/ls/"
    keys = key("encryption", other_key().pem) + key() + key("signing", other_key().pem)
    return entity(
        role(keys, ' WantAssertionsSigned="true"', "SPSSODescriptor")
        + role(
            keys
            + service("HTTP-Redirect", url, name="SingleLogout")
            + name_id(
                FORMAT_1_1 + "emailAddress", FORMAT_2_0 + "persistent", FORMAT_2_0 + "transient"
            )
            + service("HTTP-Redirect", url)
            + service("HTTP-POST", url)
        ),
        "http://fs.acme.example/adfs/services/trust",
    )


def onelogin() -> str:
    root = "https://acme.onelogin.com/trust/saml2/"
    return entity(
        role(
            key()
            + name_id(FORMAT_1_1 + "emailAddress")
            + service("HTTP-Redirect", f"{root}http-redirect/sso/5f1c")
            + service("HTTP-POST", f"{root}http-post/sso/5f1c")
            + service("SOAP", f"{root}soap/sso/5f1c")
        ),
        "https://app.onelogin.com/saml/metadata/5f1c",
    )


def jumpcloud() -> str:
    """Without *Declare Redirect Endpoint*."""
    return entity(
        role(
            key()
            + name_id(FORMAT_1_1 + "unspecified")
            + service("HTTP-POST", "https://sso.jumpcloud.com/saml2/inocx"),
            ' WantAuthnRequestsSigned="false"',
        ),
        "https://sso.jumpcloud.com/saml2/inocx",
    )


def keycloak() -> str:
    """Wants signed requests whether the client needs them or not."""
    url = "https://keycloak.acme.example/realms/acme/protocol/saml"
    return entity(
        role(
            key()
            + service("HTTP-POST", url, name="SingleLogout")
            + name_id(
                FORMAT_2_0 + "persistent",
                FORMAT_2_0 + "transient",
                FORMAT_1_1 + "unspecified",
                FORMAT_1_1 + "emailAddress",
            )
            + service("HTTP-POST", url)
            + service("HTTP-Redirect", url)
            + service("SOAP", url)
            + service("HTTP-Artifact", url),
            ' WantAuthnRequestsSigned="true"',
        ),
        "https://keycloak.acme.example/realms/acme",
    )


def pingfederate() -> str:
    url = "https://ping.acme.example:9031/idp/SSO.saml2"
    return entity(
        role(key() + service("HTTP-POST", url) + service("HTTP-Redirect", url)), "acme:ping:idp"
    )
