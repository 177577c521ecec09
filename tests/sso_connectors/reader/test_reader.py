"""Whatever an administrator pastes: understood, or told apart, and never kept where it is secret."""

import base64
import json
import random
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.core.exceptions import ValidationError

from sso_connectors import addresses
from sso_connectors.certificates.parsing import MAX_PASTE, PRIVATE_KEY
from sso_connectors.models import Binding, ConnectorType, IdentifierFormat
from sso_connectors.protocols.saml2.authn_request import NAME_ID_FORMATS
from sso_connectors.reader import Understood, read
from sso_connectors.reader.labels import Kind, kind_of
from tests.idp import DS, IdP, SigningKey, bare, default_key, ec_key, other_key, weak_key
from tests.sso_connectors import published
from tests.sso_connectors.published import entities, entity, key, name_id, role, service
from tests.sso_connectors.screen_labels import LABELS

WANTED: Final = "Paste something that comes from the identity provider: its metadata or"
ISSUER: Final = "https://idp.example/saml"
SSO: Final = "https://idp.example/saml/sso"


def seen(text: str, **options: str) -> str:
    """What the error says was seen."""
    error = refused(text, **options)
    assert error.code == "pasted"
    (message,) = error.messages
    what, wanted, _rest = str(message).partition(WANTED)
    assert wanted, "it doesn't say what is wanted"
    return what.strip()


def refused(text: str, **options: str) -> ValidationError:
    with pytest.raises(ValidationError) as caught:
        read(text, **options)
    return caught.value


# --- metadata ---------------------------------------------------------------------------------

ENTRA: Final = f"https://login.microsoftonline.com/{published.TENANT}/saml2"
DOCUMENTS: Final[dict[str, tuple[Callable[[], str], dict[str, Any]]]] = {
    "google": (
        published.google,
        {
            "issuer_url": "https://accounts.google.com/o/saml2?idpid=C01abcd23",
            "endpoint": "https://accounts.google.com/o/saml2/idp?idpid=C01abcd23",
            "identifier_format": "emailAddress",
        },
    ),
    "entra": (
        published.entra,
        {"issuer_url": f"https://sts.windows.net/{published.TENANT}/", "endpoint": ENTRA},
    ),
    "okta": (
        published.okta,
        {
            "issuer_url": "http://www.okta.com/exk1fcia6d6EMsf331d8",
            "endpoint": "https://acme.okta.com/app/acme_inocx_1/exk1fcia6d6EMsf331d8/sso/saml",
        },
    ),
    "adfs": (
        published.adfs,
        {
            "issuer_url": "http://fs.acme.example/adfs/services/trust",
            "endpoint": "https://fs.acme.example/adfs/ls/",
            "certificates": default_key().pem + other_key().pem,
            "notes": ("Its encryption key was ignored. Only its signing keys are used.",),
        },
    ),
    "onelogin": (
        published.onelogin,
        {
            "issuer_url": "https://app.onelogin.com/saml/metadata/5f1c",
            "endpoint": "https://acme.onelogin.com/trust/saml2/http-redirect/sso/5f1c",
            "identifier_format": "emailAddress",
        },
    ),
    "jumpcloud": (
        published.jumpcloud,
        {
            "issuer_url": "https://sso.jumpcloud.com/saml2/inocx",
            "endpoint": "https://sso.jumpcloud.com/saml2/inocx",
            "binding": "post",
            "identifier_format": "unspecified",
        },
    ),
    "keycloak": (
        published.keycloak,
        {
            "issuer_url": "https://keycloak.acme.example/realms/acme",
            "endpoint": "https://keycloak.acme.example/realms/acme/protocol/saml",
            "notes": (
                (
                    "The identity provider requires signed requests, and ours aren't signed. "
                    "Its administrator has to switch that off."
                ),
            ),
        },
    ),
    "pingfederate": (
        published.pingfederate,
        {
            "issuer_url": "acme:ping:idp",
            "endpoint": "https://ping.acme.example:9031/idp/SSO.saml2",
        },
    ),
}


@pytest.mark.parametrize("provider", DOCUMENTS)
def test_metadata_as_each_identity_provider_publishes_it(provider: str) -> None:
    document, fields = DOCUMENTS[provider]
    expected = {
        "provider": provider,
        "binding": "redirect",
        "certificates": default_key().pem,
        **fields,
    }
    assert read(document()) == Understood(**expected)


def test_metadata_of_one_that_nobody_knows() -> None:
    idp = IdP(also_published=[ec_key()])
    assert read(idp.metadata()) == Understood(
        issuer_url=idp.entity_id,
        endpoint=idp.sso_url,
        binding="redirect",
        certificates=default_key().pem + ec_key().pem,
        identifier_format="emailAddress",
    )


def test_the_words_are_the_models() -> None:
    """This floor may not import the models."""
    assert {"redirect", "post"} == set(Binding.values)
    assert {"saml2", "oauth2"} == set(ConnectorType.values)
    for identifier_format, urn in NAME_ID_FORMATS.items():
        found = read(entity(role(key() + service("HTTP-Redirect", SSO) + name_id(urn))))
        assert found.identifier_format == identifier_format
        assert found.identifier_format in IdentifierFormat.values


@pytest.mark.parametrize(
    "around",
    [
        lambda text: f"\ufeff  \n{text}\n",
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n", "&#13;\n"),
        lambda text: f"<!-- ours -->{text}<!-- end -->",
        lambda text: (
            "This XML file does not appear to have any style information associated with it. "
            f"The document tree is shown below.\n{text}"
        ),
        lambda text: f"Bonjour,\nvoici :\n{text}\nCordialement",
    ],
    ids=["mark and spaces", "CRLF", "&#13;", "comments", "a browser's line above", "a letter"],
)
def test_metadata_as_it_is_pasted(around: Callable[[str], str]) -> None:
    assert read(around(published.adfs())) == read(published.adfs())


def sso_role(*services: str, attributes: str = "", more: str = "") -> str:
    return entity(role(key() + more + "".join(services), attributes))


@pytest.mark.parametrize(
    ("services", "binding", "endpoint"),
    [
        ([("HTTP-Redirect", SSO)], "redirect", SSO),
        ([("HTTP-POST", SSO)], "post", SSO),
        ([("HTTP-POST", f"{SSO}/post"), ("HTTP-Redirect", SSO)], "redirect", SSO),
        ([("HTTP-Redirect", SSO), ("HTTP-Redirect", f"{SSO}/2")], "redirect", SSO),
        ([("HTTP-POST-SimpleSign", f"{SSO}/s"), ("HTTP-POST", SSO)], "post", SSO),
        # What no browser may be sent to is passed over.
        ([("HTTP-Redirect", "http://idp.example/sso"), ("HTTP-POST", SSO)], "post", SSO),
        ([("HTTP-Redirect", "javascript:alert(1)"), ("HTTP-Redirect", SSO)], "redirect", SSO),
    ],
)
def test_redirect_before_post(services: list[tuple[str, str]], binding: str, endpoint: str) -> None:
    found = read(sso_role(*(service(*each) for each in services)))
    assert (found.binding, found.endpoint, found.notes) == (binding, endpoint, ())


@pytest.mark.parametrize(
    ("services", "says"),
    [
        ([], "This metadata has no single sign-on address. Ask"),
        (
            [("SOAP", SSO), ("HTTP-Artifact", SSO)],
            "The identity provider accepts requests only by HTTP-Artifact, SOAP, and we send ours by "
            "HTTP-Redirect or HTTP-POST",
        ),
        ([("HTTP-Redirect", "http://idp.example/sso")], "The address starts with “http://”"),
        ([("HTTP-POST", "javascript:alert(1)")], "This is not a web address that a browser"),
    ],
)
def test_no_endpoint_is_said(services: list[tuple[str, str]], says: str) -> None:
    found = read(sso_role(*(service(*each) for each in services)))
    assert (found.binding, found.endpoint) == ("", "")
    (note,) = found.notes
    assert note.startswith(says)
    assert found.issuer_url == ISSUER
    assert found.certificates == default_key().pem


@pytest.mark.parametrize("wish", ["true", "1", " TRUE "])
def test_signed_requests_wanted(wish: str) -> None:
    text = sso_role(service("HTTP-Redirect", SSO), attributes=f' WantAuthnRequestsSigned="{wish}"')
    (note,) = read(text).notes
    assert "ours aren't signed" in note


def test_only_transient() -> None:
    transient = name_id("urn:oasis:names:tc:SAML:2.0:nameid-format:transient")
    found = read(sso_role(service("HTTP-Redirect", SSO), more=transient))
    assert found.identifier_format == ""
    (note,) = found.notes
    assert "only the identifier format “transient”" in note
    persistent = name_id("urn:oasis:names:tc:SAML:2.0:nameid-format:persistent<!-- x -->")
    found = read(sso_role(service("HTTP-Redirect", SSO), more=transient + persistent))
    assert (found.identifier_format, found.notes) == ("persistent", ())


@pytest.mark.parametrize(
    ("days_from", "days_until", "says"),
    [(-400, -1, "expired on"), (1, 400, "is not valid until"), (-1, 400, "")],
)
def test_dates_are_noted(days_from: int, days_until: int, says: str) -> None:
    now = datetime.now(UTC)
    dated = SigningKey.ec(
        common_name="dated",
        not_before=now + timedelta(days=days_from),
        not_after=now + timedelta(days=days_until),
    )
    for text in (
        dated.pem,
        bare(dated.pem),
        entity(role(key(pem=dated.pem) + service("HTTP-Redirect", SSO))),
    ):
        found = read(text)
        assert found.certificates == dated.pem
        assert [f"CN=dated {says}" in note for note in found.notes] == ([True] if says else [])


@pytest.mark.parametrize(
    "until", ["2020-01-01T00:00:00Z", "2020-01-01T00:00:00", "0001-01-01T00:00:00+14:00"]
)
def test_metadata_that_is_over_is_noted_and_read(until: str) -> None:
    body = role(key() + service("HTTP-Redirect", SSO))
    over = entity(body, attributes=f' validUntil="{until}"')
    for text in (
        over,
        entities(over),
        entities(entity(body)).replace(">", f' validUntil="{until}">', 1),
    ):
        (note,) = read(text).notes
        assert note.startswith("This metadata was valid until")
    for future in ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59-14:00", "someday", ""):
        assert read(entity(body, attributes=f' validUntil="{future}"')).notes == ()


@pytest.mark.row(9)
def test_only_signing_keys_of_the_identity_provider() -> None:
    found = read(published.entra())
    assert found.certificates == default_key().pem, "not those of the signature or another role"


def test_a_role_of_saml_1_is_passed_over() -> None:
    old = role(key(pem=other_key().pem) + service("HTTP-Redirect", f"{SSO}/old"))
    old = old.replace("SAML:2.0:protocol", "SAML:1.1:protocol")
    new = role(key() + service("HTTP-Redirect", SSO))
    found = read(entity(old + new))
    assert (found.endpoint, found.certificates) == (SSO, default_key().pem)
    assert (
        seen(entity(old))
        == "According to this metadata, the identity provider doesn't support SAML 2.0."
    )


# --- several identity providers -----------------------------------------------------------------


def two() -> str:
    services = entity(role("", name="SPSSODescriptor"), "https://sp.example")
    return entities(services, published.okta().partition("?>")[2], entities(published.keycloak()))


def test_several_identity_providers_are_a_question() -> None:
    okta, keycloak = (
        "http://www.okta.com/exk1fcia6d6EMsf331d8",
        "https://keycloak.acme.example/realms/acme",
    )
    found = read(two())
    assert found == Understood(
        choices=(okta, keycloak),
        notes=("This metadata describes 2 identity providers. Choose one.",),
    )
    assert read(two(), entity_id=okta) == read(published.okta())
    assert read(two(), entity_id=keycloak) == read(published.keycloak())


def test_a_choice_that_is_none() -> None:
    assert seen(two(), entity_id="https://sp.example") == (
        "This metadata doesn't contain the identity provider https://sp.example."
    )
    assert seen(published.okta(), entity_id="http://www.okta.com/other") == (
        "This metadata doesn't contain the identity provider http://www.okta.com/other."
    )


def test_one_among_service_providers_is_no_question() -> None:
    services = entity(role("", name="SPSSODescriptor"), "https://sp.example")
    assert read(entities(services, published.keycloak())) == read(published.keycloak())


# --- certificates alone -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "paste",
    [
        lambda pem: pem,
        bare,
        lambda pem: "\r\n".join(pem.splitlines()[1:-1]),
        lambda pem: pem.replace("\n", "&#13;\n"),
        lambda pem: f"Bag Attributes\n    localKeyID: 01\nsubject=/CN=idp\nissuer=/CN=idp\n{pem}",
        lambda pem: f"        Issuer: CN = idp\n        Subject: CN = idp\n{pem}",
        lambda pem: f"X.509 Certificate:\n{bare(pem)}",
        lambda pem: f"Certificat (Base64) : {bare(pem)}",
        lambda pem: f"Certificate: {bare(pem)}\nRegards",
        lambda pem: f"Certificate:\n{chr(10).join(pem.splitlines()[1:-1])}\nRegards\nBob",
        lambda pem: f"Certificate\n{pem}",
        lambda pem: f'<ds:X509Certificate xmlns:ds="{DS}">{bare(pem)}</ds:X509Certificate>',
        lambda pem: "x " * 20_000 + pem,
    ],
)
def test_a_certificate_alone(paste: Callable[[str], str]) -> None:
    assert read(paste(default_key().pem)) == Understood(certificates=default_key().pem)


def test_several_certificates() -> None:
    both = default_key().pem + ec_key().pem
    assert read(both).certificates == both
    assert read(f"Certificate 1\n{default_key().pem}\nCertificate 2\n{ec_key().pem}") == Understood(
        certificates=both
    )
    bodies = "\n\n".join(f"Certificate\n{bare(pem)}" for pem in (default_key().pem, ec_key().pem))
    assert read(bodies).certificates == both


# --- addresses ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "https://idp.example/metadata",
        "https://fs.acme.example/FederationMetadata/2007-06/FederationMetadata.xml",
        f"https://login.microsoftonline.com/{published.TENANT}/federationmetadata/2007-06/federationmetadata.xml?appid=1",
        "https://acme.okta.com/app/exk1fcia6d6EMsf331d8/sso/saml/metadata",
        # Both its issuer and where its metadata is.
        "https://app.onelogin.com/saml/metadata/5f1c",
        "http://127.0.0.1:9400/saml/metadata",
    ],
)
def test_an_address_is_for_the_caller_to_fetch(url: str) -> None:
    assert read(f"  {url}\n") == Understood(url=url)


@pytest.mark.parametrize("provider", DOCUMENTS)
def test_an_address_that_is_itself_the_answer(provider: str) -> None:
    _document, fields = DOCUMENTS[provider]
    assert read(fields["endpoint"]) == Understood(endpoint=fields["endpoint"], provider=provider)
    if provider in {"google", "entra", "okta", "adfs", "keycloak"}:
        assert read(fields["issuer_url"]) == Understood(
            issuer_url=fields["issuer_url"], provider=provider
        )


def test_an_address_that_is_ours() -> None:
    for url in (addresses.identity(), addresses.reply_url(), addresses.login_address("acme")):
        assert seen(url) == f"{url} is our own address, to enter at the identity provider."


@pytest.mark.parametrize(
    ("url", "says"),
    [
        (
            "http://idp.example/metadata",
            "The address starts with “http://”. Only “https://” addresses are read.",
        ),
        ("https://", "This is not a valid web address: https://"),
        ("https://user:pass@idp.example/", "This is not a valid web address: https://user"),
        ("https://[::1/", "This is not a valid web address: https://[::1/"),
        ("https://idp.example/" + "x" * 5000, "This text is too long for an address."),
        (
            "https://acme.okta.com/home/acme_inocx_1/0oa1/aln1",
            "https://acme.okta.com/home/acme_inocx_1/0oa1/aln1 is a link from the identity provider's dashboard",
        ),
    ],
)
def test_an_address_that_will_not_do(url: str, says: str) -> None:
    assert seen(url).startswith(says)


# --- lines of a screen --------------------------------------------------------------------------

SCREENS: Final[dict[str, tuple[str, dict[str, str]]]] = {
    "Okta's setup instructions": (
        "The following is needed to configure INO cx\n\n1\nIdentity Provider Single Sign-On URL:\n\n"
        "https://acme.okta.com/app/acme_inocx_1/exk1/sso/saml\n\n2\nIdentity Provider Issuer:\n\n"
        "http://www.okta.com/exk1\n\n3\nX.509 Certificate:\n\n{pem}",
        {
            "issuer_url": "http://www.okta.com/exk1",
            "endpoint": "https://acme.okta.com/app/acme_inocx_1/exk1/sso/saml",
            "provider": "okta",
        },
    ),
    "Okta's, typed into a letter": (
        "Bonjour, voici :\n- Identity Provider Issuer: http://www.okta.com/exk1\n"
        "- Single Sign-On URL https://acme.okta.com/app/acme_inocx_1/exk1/sso/saml,\n"
        "- Certificate: {base64}\n",
        {
            "issuer_url": "http://www.okta.com/exk1",
            "endpoint": "https://acme.okta.com/app/acme_inocx_1/exk1/sso/saml",
            "provider": "okta",
        },
    ),
    "Entra's": (
        "Login URL\thttps://login.microsoftonline.com/acme.example/saml2\n"
        "Microsoft Entra Identifier\thttps://sts.windows.net/0f6b/\n"
        "Logout URL\thttps://login.microsoftonline.com/other.example/saml2\n"
        "App Federation Metadata Url\thttps://login.microsoftonline.com/x/federationmetadata.xml\n"
        "Thumbprint\t0123456789ABCDEF\n{pem}",
        {
            "issuer_url": "https://sts.windows.net/0f6b/",
            "endpoint": "https://login.microsoftonline.com/acme.example/saml2",
            "url": "https://login.microsoftonline.com/x/federationmetadata.xml",
            "provider": "entra",
        },
    ),
    "Entra's in French": (
        "URL de déconnexion\nhttps://login.microsoftonline.com/other.example/saml2\n"
        "URL de connexion\nhttps://login.microsoftonline.com/acme.example/saml2\n"
        "Identificateur Microsoft Entra\nhttps://sts.windows.net/0f6b/\n"
        "URL des métadonnées de fédération d’application : https://login.microsoftonline.com/x/f.xml\n"
        "Certificat (Base64)\n{pem}",
        {
            "issuer_url": "https://sts.windows.net/0f6b/",
            "endpoint": "https://login.microsoftonline.com/acme.example/saml2",
            "url": "https://login.microsoftonline.com/x/f.xml",
            "provider": "entra",
        },
    ),
    "Google's in French": (
        "URL SSO\u00a0:\nhttps://accounts.google.com/o/saml2/idp?idpid=C01\n"
        "ID d’entité\u00a0:\nhttps://accounts.google.com/o/saml2?idpid=C01\nCertificat\u00a0:\n"
        "{base64}\nEmpreinte SHA-256\nAB:CD:EF\n",
        {
            "issuer_url": "https://accounts.google.com/o/saml2?idpid=C01",
            "endpoint": "https://accounts.google.com/o/saml2/idp?idpid=C01",
            "provider": "google",
        },
    ),
    "OneLogin's": (
        "Issuer URL = https://app.onelogin.com/saml/metadata/5f1c\n"
        "SAML 2.0 Endpoint (HTTP) = https://acme.onelogin.com/trust/saml2/http-post/sso/5f1c\n"
        "SLO Endpoint (HTTP) = https://acme.onelogin.com/trust/saml2/http-redirect/slo/1\n{pem}",
        {
            "issuer_url": "https://app.onelogin.com/saml/metadata/5f1c",
            "endpoint": "https://acme.onelogin.com/trust/saml2/http-post/sso/5f1c",
            "provider": "onelogin",
        },
    ),
    "JumpCloud's, whose issuer is any word": (
        "IdP Entity ID: acme-jumpcloud\nIDP URL: https://sso.jumpcloud.com/saml2/inocx\n{pem}",
        {
            "issuer_url": "acme-jumpcloud",
            "endpoint": "https://sso.jumpcloud.com/saml2/inocx",
            "provider": "jumpcloud",
        },
    ),
    "one that nobody knows, in French": (
        "Émetteur (Entity ID) : urn:acme:idp\nPoint de terminaison : {sso}\nCertificat\n{base64}",
        {"issuer_url": "urn:acme:idp", "endpoint": SSO},
    ),
    "no labels at all": (
        "https://accounts.google.com/o/saml2/idp?idpid=C01\n"
        "https://accounts.google.com/o/saml2?idpid=C01\n{base64}",
        {
            "issuer_url": "https://accounts.google.com/o/saml2?idpid=C01",
            "endpoint": "https://accounts.google.com/o/saml2/idp?idpid=C01",
            "provider": "google",
        },
    ),
}


def filled(screen: str) -> str:
    pem = default_key().pem
    lines = "\n".join(pem.splitlines()[1:-1])
    return screen.replace("{pem}", pem).replace("{base64}", lines).replace("{sso}", SSO)


@pytest.mark.parametrize("name", SCREENS)
@pytest.mark.parametrize("ends", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_the_lines_of_a_screen(name: str, ends: str) -> None:
    screen, fields = SCREENS[name]
    expected: dict[str, Any] = {"certificates": default_key().pem, **fields}
    assert read(filled(screen).replace("\n", ends)) == Understood(**expected)


def test_our_own_addresses_are_left_out() -> None:
    """Okta's “Single sign-on URL” is our reply URL on one screen; Google has two “Entity ID”."""
    found = read(
        f"Single sign-on URL: {addresses.reply_url()}\nEntity ID: {addresses.identity()}\n"
        f"Entity ID: urn:acme:idp\nSSO URL: {SSO}"
    )
    assert (found.issuer_url, found.endpoint) == ("urn:acme:idp", SSO)
    assert found.notes == (
        f"{addresses.reply_url()} is our own address and was ignored.",
        f"{addresses.identity()} is our own address and was ignored.",
    )


def test_what_stands_beneath_a_label_and_is_no_address_is_no_value() -> None:
    assert read(f"Entity ID\nCopied!\nSSO URL\n{SSO}") == Understood(endpoint=SSO)
    assert read(f"Issuer of all this is Bob\nEndpoint: hello\nSSO URL: {SSO}") == Understood(
        endpoint=SSO
    )


@pytest.mark.parametrize("kind", LABELS)
def test_a_label_is_told_by_its_words(kind: Kind) -> None:
    for label in LABELS[kind]:
        assert kind_of(label) is kind, label
        assert kind_of(label.upper()) is kind, label
        assert kind_of(label.replace(" ", "-")) is kind, label


@pytest.mark.parametrize(
    ("label", "kind"),
    [
        ("IdP Entity ID / Issuer", Kind.ISSUER_URL),
        ("IDP Entity ID or Issuer :", Kind.ISSUER_URL),
        ("Access Entity ID or Issuer", Kind.ISSUER_URL),
        ("entityId", Kind.ISSUER_URL),
        ("SP-Initiated Redirect Endpoint", Kind.ENDPOINT),
        ("singleSignOnService url", Kind.ENDPOINT),
        ("Rippling IdP Sign-in URL", Kind.ENDPOINT),
        ("Initiate Single Sign-On (SSO) URL", Kind.ENDPOINT),
        ("FederationPassiveAddress", Kind.ENDPOINT),
        ("Metadata Discovery Endpoint", Kind.METADATA),
        ("Signing cert attached below", Kind.CERTIFICATE),
        ("idp x509cert", Kind.CERTIFICATE),
        ("IdP-Initiated Login URL", Kind.OTHER),
        ("singleLogoutService url", Kind.OTHER),
        ("Single Sign On Error URL", Kind.OTHER),
        ("sp entityId", Kind.OTHER),
        ("Issuer of all this is Bob", None),
        ("You can log in to our portal here", None),
        ("Please open a ticket when the login fails", None),
        ("Identity Provider Configuration", None),
        ("", None),
        ("issuer " * 100, None),
    ],
)
def test_labels_that_are_in_no_list(label: str, kind: Kind | None) -> None:
    assert kind_of(label) is kind


# --- OpenID -------------------------------------------------------------------------------------


def test_a_discovery_document_is_of_another_type() -> None:
    issuer = "https://keycloak.acme.example/realms/acme"
    document = {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/auth",
        "scopes_supported": [],
    }
    by_address = f"{issuer}/.well-known/openid-configuration"
    for text in (
        json.dumps(document),
        json.dumps(document, indent=2),
        by_address,
        f"{by_address}?x=1",
    ):
        found = read(text)
        assert (found.type, found.issuer_url) == ("oauth2", issuer)
        (note,) = found.notes
        assert "choose the type OAUTH 2" in note
        assert issuer in note
        assert (found.endpoint, found.certificates, found.provider) == ("", "", "")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "This looks like JSON, but can't be read."),
        ('{"a":' * 100_000, "This looks like JSON, but can't be read."),
        ('{"a": ' + "9" * 10_000 + "}", "This looks like JSON, but can't be read."),
        ("{}", "This is JSON, but not an OpenID discovery document."),
        ('{"name": "https://x"}', "This is JSON, but not an OpenID discovery document."),
        ('[1, "x"]', "This is JSON, but not an OpenID discovery document."),
        (
            '{"issuer": 1, "authorization_endpoint": ""}',
            "This is JSON, but not an OpenID discovery",
        ),
        (
            '{"keys": [{"kty": "RSA", "n": "x"}]}',
            "This is JSON, but not an OpenID discovery document.",
        ),
    ],
)
def test_other_json(text: str, says: str) -> None:
    assert seen(text).startswith(says)


# --- refused ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "There is nothing to read."),
        (" \ufeff\n", "There is nothing to read."),
        ("hello", "Nothing was recognised in this text."),
        ("urn:acme:idp", "Nothing was recognised in this text."),
        ("Issuer of all this\nis Bob", "Nothing was recognised in this text."),
        ("a line\n" * 20_000, "Nothing was recognised in this text."),
        # No screen is as long; a paste without end must not be searched for labels.
        ("Issuer URL: https://idp.example\n" * 1_000, "Nothing was recognised in this text."),
        ("AB:CD:EF:01:" * 8, "This is only the fingerprint of a certificate."),
        ("ab cd ef 01 " * 5, "This is only the fingerprint of a certificate."),
        ("<!DOCTYPE html>\n<html><p>Sign in", "This is a web page."),
        ("\n<HTML lang=en><body>EntityDescriptor", "This is a web page."),
        ("<?xml version='1.0'?><!DOCTYPE html PUBLIC '-//W3C'><html>", "This is a web page."),
        ('<h:HTML xmlns:h="http://www.w3.org/1999/xhtml"/>', "This is a web page."),
        (
            "<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>",
            "This looks like XML, but can't be read: It has a DOCTYPE",
        ),
        ("<a>\ud800</a>", "This looks like XML, but can't be read: It is not UTF-8 text."),
        ("<md:EntityDescriptor", "This looks like XML, but can't be read: It is not well-formed"),
        (
            "- <EntityDescriptor>\n  - <b/>",
            "This looks like XML, but can't be read: It is not well",
        ),
        (
            entity(role("", name="SPSSODescriptor")),
            "This is the metadata of a service provider, not of an identity provider.",
        ),
        (
            entities(entity(role("", name="SPSSODescriptor"))),
            "This is the metadata of a service provider, not of an identity provider.",
        ),
        (entity(""), "This metadata doesn't describe a SAML 2.0 identity provider."),
        (entities(), "This metadata doesn't describe a SAML 2.0 identity provider."),
        (
            '<p:Response xmlns:p="urn:oasis:names:tc:SAML:2.0:protocol"/>',
            "This is a message from a sign-in (Response), not metadata.",
        ),
    ],
)
def test_what_is_not_wanted(text: str, says: str) -> None:
    assert seen(text).startswith(says)


def test_our_own_metadata() -> None:
    ours = entity(role("", name="SPSSODescriptor"), entity_id=addresses.identity())
    assert seen(ours) == "This is our own metadata, to enter at the identity provider."


def request_for_a_certificate() -> x509.CertificateSigningRequest:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "idp")])
    builder = x509.CertificateSigningRequestBuilder(subject_name=name)
    return builder.sign(default_key().private_key, hashes.SHA256())


def test_what_certificates_has_to_say() -> None:
    """Its own words, which name the one thing that is wanted there."""
    csr = request_for_a_certificate()
    for text, says in (
        (csr.public_bytes(Encoding.PEM).decode(), "This is a Certificate Request, not a"),
        (base64.b64encode(csr.public_bytes(Encoding.DER)).decode(), "This is base64 text, but not"),
        (default_key().public_pem, "This is a Public Key, not a certificate."),
        ("\n".join(default_key().pem.splitlines()[:5]), "The certificate is incomplete"),
        (bare(default_key().pem)[:400], "The certificate is incomplete"),
        (bare(default_key().pem)[:400] + "é", "“é” is not a base64 character."),
        (f"Certificate: {bare(default_key().pem)[:400]}", "The certificate is incomplete"),
        (weak_key().pem, "The certificate's RSA key has 1024 bits"),
        (
            "<note>hello</note>",
            "This XML doesn't contain an identity provider's signing certificate",
        ),
    ):
        error = refused(text)
        assert error.code == "certificate"
        assert str(error.messages[0]).startswith(says), text[:60]


def test_a_paste_without_end() -> None:
    for text in ("A" * (5 * 1024 * 1024), "<a>" * MAX_PASTE, "x" * (MAX_PASTE + 1)):
        assert seen(text) == f"This text is longer than {MAX_PASTE} characters."


# --- private keys -------------------------------------------------------------------------------


def private_base64() -> str:
    return bare(default_key().private_pem)


@pytest.mark.row(32)
@pytest.mark.parametrize(
    "around",
    [
        lambda: default_key().private_pem,
        lambda: default_key().pem + default_key().private_pem,
        lambda: default_key().private_pem.rpartition("-----END")[0],
        lambda: "x" * MAX_PASTE + default_key().private_pem,
        private_base64,
        lambda: f"Certificate: {private_base64()}",
        lambda: f"Issuer URL: {ISSUER}\nCertificate\n{private_base64()}",
        lambda: entity(role(key(pem=default_key().private_pem))),
        lambda: entity(role(key())).replace("</md:IDP", "PRIVATE&#32;KEY</md:IDP"),
        lambda: json.dumps({"private_key": default_key().private_pem}),
        lambda: json.dumps({"kty": "RSA", "n": "AQAB", "d": private_base64()}),
        lambda: json.dumps({"keys": [{"kty": "RSA", "n": "AQAB", "d": private_base64()}]}),
    ],
)
def test_a_private_key_is_neither_kept_nor_repeated(around: Callable[[], str]) -> None:
    error = refused(around())
    assert error.code == PRIVATE_KEY
    assert error.messages[0].startswith(
        "This text contained a private key, which was not stored. The person who sent it "
        "to you should replace it if others could have seen it, for example in an e-mail."
    )
    nothing_of(private_base64(), error)


@pytest.mark.row(32)
def test_a_small_private_key_beside_a_label() -> None:
    small = base64.b64encode(
        ec_key().private_key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    ).decode()
    assert len(small) < 200
    assert refused(f"Certificate: {small}").code == PRIVATE_KEY


@pytest.mark.row(32)
@pytest.mark.parametrize("cut", [1, 2, 3, 30, 700])
def test_a_piece_of_a_private_key_is_not_repeated(cut: int) -> None:
    body = private_base64()
    for piece in (
        body[cut:],
        body[:-cut],
        f"Certificate: {body[cut:]}",
        f"<a>{body[cut:]}</a>",
        f'{{"d": "{body[cut:]}',
    ):
        nothing_of(body, refused(piece))


def nothing_of(secret: str, error: ValidationError) -> None:
    """No piece of ten characters of it stands in the error, its parameters or its causes."""
    told = [str(error), repr(error), *map(str, error.messages), repr(error.params)]
    cause: BaseException | None = error.__cause__
    while cause is not None:
        told.append(str(cause))
        cause = cause.__cause__
    text = "\n".join(told)
    assert not any(secret[start : start + 10] in text for start in range(len(secret) - 10))


# --- anything -----------------------------------------------------------------------------------


def mutated(text: str, chance: random.Random) -> str:
    """One to four changes of a kind that copying, cutting and malice make."""
    for _ in range(chance.randint(1, 4)):
        start, end = sorted(chance.randrange(len(text) + 1) for _ in range(2))
        end = min(end, start + chance.choice([1, 5, 400]))
        piece = chance.choice(
            [
                "",
                chance.choice("<>&\"'\0\ud800é=:-\n\u2028\x1b%{}"),
                text[start:end] * chance.choice([2, 50]),
                "-----BEGIN CERTIFICATE-----",
                "-----END ",
                "<!DOCTYPE a>",
                "&#13;",
                "Issuer URL: ",
                "Certificate:\n",
                "%(count)s",
                'entityID="',
                "<md:IDPSSODescriptor>",
            ]
        )
        text = text[:start] + piece + text[end:]
    return text


def test_changed_pastes_are_understood_or_refused_by_an_error_of_ours() -> None:
    chance = random.Random(20260)  # noqa: S311 the same pastes in each run
    issuer = "https://keycloak.acme.example/realms/acme"
    honest = [
        *(document() for document, _fields in DOCUMENTS.values()),
        *(filled(screen) for screen, _fields in SCREENS.values()),
        two(),
        default_key().pem + ec_key().pem,
        bare(default_key().pem),
        json.dumps({"issuer": issuer, "authorization_endpoint": f"{issuer}/auth"}),
        f"{issuer}/protocol/saml/descriptor",
        ENTRA,
    ]
    outcomes = set()
    for number in range(600):
        text = mutated(honest[number % len(honest)], chance)
        begin = time.perf_counter()
        try:
            found = read(text)
        except ValidationError as error:
            outcomes.add("refused" if error.messages[0] else "without a word")
        else:
            assert isinstance(found, Understood)
            outcomes.add("understood")
        assert time.perf_counter() - begin < 5, text
    assert outcomes == {"refused", "understood"}


@pytest.mark.parametrize(
    "text",
    [
        "Issuer URL: https://idp.example\n" * 600,
        "https://" + "a/realms/" * 400,
        "https://" + "a/metadata" * 400,
        "Certificate: " + "(" * 15_000,
        "-----BEGIN A-----" * 50_000,
        "-----BEGIN CERTIFICATE-----" + "-" * 900_000,
        "<a>" * 300_000,
        "AB:" * 300_000,
        "A" * 1_000_000,
        "<a " + "a='' " * 1000 + "/>",
        "&#13;" * 200_000,
        "\n" * 1_000_000,
        "EntityDescriptor" + "<" * 500_000 + ">",
        '{"":[' * 100_000,
        "1 " * 9_900,
        "-" * 19_000,
        "https://" + "a" * 4_000 + "\nissuer",
    ],
    ids=lambda text: text[:20].strip(),
)
def test_no_paste_takes_long(text: str) -> None:
    begin = time.perf_counter()
    with suppress(ValidationError):
        read(text)
    assert time.perf_counter() - begin < 5
