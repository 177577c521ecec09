"""What administrators really have in their hands: `inputs/` holds one of each kind, and more are made here."""

import base64
import html
import json
import quopri
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from django.core.exceptions import ValidationError

from sso_connectors.certificates.parsing import PRIVATE_KEY, normalise_certificates
from sso_connectors.certificates.unwrapping import decode
from sso_connectors.reader import Understood, read
from tests.idp import bare, default_key, ec_key
from tests.sso_connectors import published

INPUTS: Final = Path(__file__).parent / "inputs"
IDP: Final = "https://idp.acme.example/saml"
SSO: Final = f"{IDP}/sso"


def given(name: str) -> Understood:
    return read(decode((INPUTS / name).read_bytes()))


def the_certificate() -> str:
    return normalise_certificates(decode((INPUTS / "certificate-binary.cer").read_bytes()))


def test_every_input_is_tried() -> None:
    here = Path(__file__).read_text()
    for path in INPUTS.iterdir():
        assert f'"{path.name}"' in here, path.name


@pytest.mark.parametrize(
    "name",
    [
        "certificate-base64-of-pem.txt",
        "certificate-begin-line-only.txt",
        "certificate-binary.cer",
        "certificate-json-string.txt",
        "certificate-pkcs7.pem",
        "certificate-xml-element-undeclared-prefix.txt",
    ],
)
def test_a_certificate_in_the_box_and_in_its_field(name: str) -> None:
    assert given(name) == Understood(certificates=the_certificate())
    text = decode((INPUTS / name).read_bytes())
    assert normalise_certificates(text) == the_certificate(), "sso_apply and the field"


def test_a_certificate_of_version_2() -> None:
    pem = (INPUTS / "certificate-x509-version-2.pem").read_text()
    found = given("certificate-x509-version-2.pem").certificates
    assert bare(found) == bare(pem), "as it came"


@pytest.mark.parametrize(
    "name", ["certificate-chain-leaf-first.pem", "metadata-chain-in-one-x509data.xml"]
)
def test_of_a_chain_the_leaf(name: str) -> None:
    found = given(name)
    assert found.certificates.count("BEGIN") == 1
    (note,) = found.notes
    assert note.startswith(
        "Ignored, because they belong to certificate authorities, which sign other certificates "
        "(2 of 3): "
    )


@pytest.mark.parametrize(
    "name",
    [
        "metadata-as-base64.txt",
        "metadata-as-json-string.txt",
        "metadata-comment-before-certificate.xml",
        "metadata-declares-iso-8859-1.xml",
        "metadata-declares-utf-16.xml",
        "metadata-html-escaped.txt",
    ],
)
def test_metadata(name: str) -> None:
    assert given(name) == Understood(
        issuer_url=IDP, endpoint=SSO, binding="redirect", certificates=the_certificate()
    )


@pytest.mark.parametrize(
    "name", ["metadata-without-certificate.xml", "metadata-encryption-key-only.xml"]
)
def test_metadata_without_a_certificate_to_use(name: str) -> None:
    found = given(name)
    assert (found.issuer_url, found.endpoint, found.certificates) == (IDP, SSO, "")
    assert found.notes[0].startswith("This metadata doesn't contain a signing certificate")
    assert found.missing == ("certificates",)


def test_an_ampersand_that_is_not_escaped() -> None:
    with pytest.raises(ValidationError) as caught:
        given("metadata-ampersand-not-escaped.xml")
    (message,) = caught.value.messages
    assert message.startswith(
        "This looks like XML, but line 1 contains an “&” that is not written as “&amp;”"
    )
    assert "Write “&amp;” there" in message


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("address-in-angle-brackets.txt", f"{IDP}/metadata"),
        (
            "address-without-scheme.txt",
            "https://login.microsoftonline.com/8f3b2a10-1111-4222-8333-0123456789ab"
            "/federationmetadata/2007-06/federationmetadata.xml",
        ),
        ("addresses-one-a-line.txt", f"{IDP}/metadata"),
        (
            "address-openid-issuer-with-slash.txt",
            "https://auth.acme.example/application/o/inocx/.well-known/openid-configuration",
        ),
    ],
)
def test_an_address_to_fetch(name: str, url: str) -> None:
    assert given(name).url == url


SCREENS: Final = {
    "mail-from-customer.txt": (
        "https://sso.acme.example/idp",
        "https://sso.acme.example/idp/SSO.saml2",
        True,
    ),
    "settings-of-a-saml-library.json": (
        "https://sso.acme.example/idp",
        "https://sso.acme.example/idp/sso",
        True,
    ),
    "screen-adfs-powershell.txt": (
        "http://sts.acme.example/adfs/services/trust",
        "https://sts.acme.example/adfs/ls/",
        False,
    ),
    "screen-cyberark.txt": (
        "https://aab1234.my.idaptive.app/99990000-1111-4222-8333-0123456789ab",
        "https://aab1234.my.idaptive.app/applogin/appKey/99990000-1111-4222-8333-0123456789ab"
        "/customerId/AAB1234",
        False,
    ),
    "screen-miniorange.txt": (
        "https://acme.xecurify.com/moas",
        "https://acme.xecurify.com/moas/idp/samlsso/1234",
        True,
    ),
    "screen-salesforce-idp.txt": (
        "https://acme.my.salesforce.com",
        "https://acme.my.salesforce.com/idp/endpoint/HttpRedirect",
        False,
    ),
}


@pytest.mark.parametrize("name", SCREENS)
@pytest.mark.parametrize("prefix", ["", "> ", "  \u200b"], ids=["plain", "quoted", "zero-width"])
def test_a_screen(name: str, prefix: str) -> None:
    issuer, endpoint, has_certificate = SCREENS[name]
    text = (INPUTS / name).read_text()
    found = read("\n".join(prefix + line for line in text.splitlines()))
    assert (found.issuer_url, found.endpoint) == (issuer, endpoint)
    assert found.certificates == (the_certificate() if has_certificate else "")
    assert found.missing == (() if has_certificate else ("certificates",))


def test_the_address_of_metadata_on_a_screen() -> None:
    found = given("screen-salesforce-idp.txt")
    assert found.url == "https://acme.my.salesforce.com/.well-known/samlidp/INO_cx.xml"


# --- more of each kind ------------------------------------------------------------------------


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def in_lines(text: str, width: int = 76) -> str:
    return "\n".join(text[at : at + width] for at in range(0, len(text), width))


WRAPPINGS: Final[dict[str, Callable[[str], str]]] = {
    "a JSON string": json.dumps,
    "a JSON string twice": lambda text: json.dumps(json.dumps(text)),
    "literal line ends": lambda text: text.replace('"', '\\"').replace("\n", "\\n"),
    "literal CRLF": lambda text: text.replace("\n", "\\r\\n"),
    "base64 in lines": lambda text: in_lines(encoded(text)),
    "base64 without its end": lambda text: encoded(text).rstrip("="),
    "base64 of base64": lambda text: encoded(encoded(text)),
    "a data address": lambda text: f"data:application/octet-stream;base64,{encoded(text)}",
    "base64 of UTF-16": lambda text: base64.b64encode(text.encode("utf-16")).decode(),
    "a quoted mail": lambda text: "On Monday Bob wrote:\n" + quoted(text, "> "),
    "a mail quoted twice": lambda text: quoted(text, ">> "),
    "quoted-printable": lambda text: quopri.encodestring(text.encode()).decode(),
    "zero-width characters": lambda text: text.replace("A", "\u200bA").replace("i", "i\u2060"),
    "a soft hyphen": lambda text: text.replace("Q", "Q\u00ad"),
    "backticks": lambda text: f"```\n{text}\n```",
    "a byte order mark": lambda text: f"\ufeff{text}",
}


def quoted(text: str, mark: str) -> str:
    return "\n".join(mark + line for line in in_lines_of(text))


def in_lines_of(text: str) -> list[str]:
    return text.strip().splitlines()


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_what_a_certificate_comes_wrapped_in(wrapping: str) -> None:
    text = WRAPPINGS[wrapping](default_key().pem)
    assert read(text) == Understood(certificates=default_key().pem)
    assert normalise_certificates(text) == default_key().pem


@pytest.mark.parametrize("wrapping", [*WRAPPINGS, "HTML", "HTML twice"])
def test_what_metadata_comes_wrapped_in(wrapping: str) -> None:
    wrap = {"HTML": html.escape, "HTML twice": lambda text: html.escape(html.escape(text))}
    text = (WRAPPINGS | wrap)[wrapping](published.adfs())
    assert read(text) == read(published.adfs())


@pytest.mark.parametrize(
    "wrap",
    [
        lambda pem: pem.replace("-----", "\u2014\u2013"),
        lambda pem: pem.replace("-----BEGIN", "----BEGIN"),
        lambda pem: pem.replace("-----", "----- ", 1),
        lambda pem: pem.partition("-----END")[0],
        lambda pem: pem.partition("-----\n")[2],
        lambda pem: f"<X509Certificate>{bare(pem)}</X509Certificate>",
        lambda pem: (
            f"<X509Data><X509Certificate><!-- a -->{bare(pem)}</X509Certificate></X509Data>"
        ),
        lambda pem: (
            '<md:KeyDescriptor use="signing"><ds:KeyInfo><ds:X509Data><ds:X509Certificate>'
            f"{bare(pem)}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"
        ),
        lambda pem: (
            f'<md:KeyDescriptor use="encryption"><ds:X509Certificate>{bare(ec_key().pem)}'
            "</ds:X509Certificate></md:KeyDescriptor>\n"
            f"<md:KeyDescriptor><ds:X509Certificate>{bare(pem)}</ds:X509Certificate>"
            "</md:KeyDescriptor>"
        ),
        lambda pem: json.dumps({"certificate": pem}),
        lambda pem: json.dumps({"idp": {"x509cert": bare(pem)}}),
        lambda pem: f"Certificate: {encoded(pem)}",
    ],
)
def test_a_certificate_as_it_comes(wrap: Callable[[str], str]) -> None:
    assert read(wrap(default_key().pem)).certificates == default_key().pem


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "utf-32"]
)
@pytest.mark.parametrize("declares", ["UTF-8", "utf-16", "ISO-8859-1", "windows-1252"])
def test_a_file_in_any_encoding_whatever_it_declares(encoding: str, declares: str) -> None:
    text = published.adfs().partition("?>")[2] or published.adfs()
    document = f'<?xml version="1.0" encoding="{declares}"?><!-- é -->{text}'
    assert read(decode(document.encode(encoding))) == read(published.adfs())


@pytest.mark.parametrize("octets", [b"PK\x03\x04\0\0\0\0", b"\xff\xfe\x00", b"a\0b"])
def test_a_file_that_is_no_text(octets: bytes) -> None:
    with pytest.raises(ValueError, match="no text"):
        decode(octets)


@pytest.mark.parametrize(
    "text",
    [
        "[the metadata](https://idp.example/metadata)",
        "[https://idp.example/metadata](https://idp.example/metadata)",
        "https://idp.example/metadata<https://idp.example/metadata>",
        "“https://idp.example/metadata”",
        "idp.example/metadata",
        "Metadata URL: <https://idp.example/metadata>",
        "https://idp.example/metadata\nhttps://idp.example/logout\nhttps://idp.example/login",
    ],
)
def test_an_address_however_it_is_written(text: str) -> None:
    assert read(text).url == "https://idp.example/metadata"


@pytest.mark.parametrize(
    ("text", "issuer"),
    [
        (
            "IdP Entity ID\nacme-jumpcloud\nIDP URL\nhttps://sso.jumpcloud.com/saml2/x",
            "acme-jumpcloud",
        ),
        ("IdP Entity ID:\tJumpCloud\nIDP URL:\thttps://sso.jumpcloud.com/saml2/x", "JumpCloud"),
        ("IdP Entity ID\nCopy\nJumpCloud\nIDP URL\nhttps://sso.jumpcloud.com/saml2/x", "JumpCloud"),
        (
            "| Issuer ID | https://auth.pingone.eu/1f |\n"
            "| Single Signon Service | https://sso.jumpcloud.com/saml2/x |",
            "https://auth.pingone.eu/1f",
        ),
        (
            "SSO endpoint\nhttps://sso.jumpcloud.com/saml2/x\n"
            "Access Entity ID or Issuer\nhttps://acme.cloudflareaccess.com",
            "https://acme.cloudflareaccess.com",
        ),
        (
            "Rippling IdP Sign-in URL: https://sso.jumpcloud.com/saml2/x\n"
            "Rippling Issuer (IdP Entity ID): https://www.rippling.com",
            "https://www.rippling.com",
        ),
        (
            "Issuer URL:\nThe unique identifier of Acme.\nhttps://idp.example/saml\n"
            "SSO URL:\nhttps://sso.jumpcloud.com/saml2/x",
            "https://idp.example/saml",
        ),
    ],
)
def test_labels_beside_and_above(text: str, issuer: str) -> None:
    found = read(text)
    assert (found.issuer_url, found.endpoint) == (issuer, "https://sso.jumpcloud.com/saml2/x")


def test_no_value_is_taken_from_a_sentence() -> None:
    text = (
        "You can log in to our portal here: https://acme.example/portal\n"
        "Entity ID: urn:acme:idp\nRegards, Bob https://acme.example/login"
    )
    assert read(text) == Understood(issuer_url="urn:acme:idp")


def test_another_issuer_further_down_is_said() -> None:
    found = read("Entity ID: urn:acme:idp\nEntity ID: urn:acme:old\nEntity ID: urn:acme:idp")
    assert found.issuer_url == "urn:acme:idp"
    assert found.notes == ("Another issuer was found in this text and ignored: urn:acme:old",)


def test_a_launch_link_beside_a_label_is_left_out() -> None:
    found = read(
        "Login URL: https://acme.my.salesforce.com/idp/login?app=0sp1\n"
        "SSO URL: https://acme.my.salesforce.com/idp/endpoint/HttpPost"
    )
    assert (found.endpoint, found.binding) == (
        "https://acme.my.salesforce.com/idp/endpoint/HttpPost",
        "",
    )
    (note,) = found.notes
    assert "starts a sign-in from the identity provider's dashboard" in note


def test_a_certificate_that_will_not_do_costs_nothing_else() -> None:
    cut = "\n".join(default_key().pem.splitlines()[:5])
    found = read(f"Issuer URL: {IDP}\nSSO URL: {SSO}\n{cut}")
    assert (found.issuer_url, found.endpoint, found.certificates) == (IDP, SSO, "")
    (note,) = found.notes
    assert note.startswith("The certificate is incomplete")


def test_metadata_in_the_answer_of_an_interface() -> None:
    document = json.dumps({"id": 1, "saml": {"metadata": published.okta()}})
    assert read(document) == read(published.okta())


def test_a_piece_of_metadata() -> None:
    piece = published.role(published.key(prefix="") + published.service("HTTP-Redirect", SSO))
    found = read(piece)
    assert (found.endpoint, found.certificates) == (SSO, default_key().pem)
    assert found.notes == ("This metadata has no entityID, which is the issuer URL.",)
    assert found.missing == ("issuer_url",)


def test_metadata_without_an_entity_id() -> None:
    document = published.entity(
        published.role(published.key() + published.service("HTTP-Redirect", SSO)), entity_id=" "
    )
    assert read(document).endpoint == SSO


# --- federations ------------------------------------------------------------------------------


def federation(count: int, attributes: str = "") -> str:
    return published.entities(
        *(
            published.entity(
                published.role(
                    published.key()
                    + published.service("HTTP-Redirect", f"https://i{number}.example/sso")
                )
                + '<md:Organization><md:OrganizationDisplayName xml:lang="en">'
                f"University &amp; {number}</md:OrganizationDisplayName></md:Organization>",
                f"https://i{number}.example",
                attributes,
            )
            for number in range(count)
        )
    )


def test_a_big_federation_is_searched_by_name() -> None:
    text = federation(400)
    found = read(text)
    assert len(found.choices) + found.more_choices == 400
    assert len(found.choices) == 50
    assert read(text, search="university & 77").choices == ("https://i77.example",)
    assert read(text, search=" I399.example ").choices == ("https://i399.example",)
    with pytest.raises(ValidationError, match="None of the 400 identity providers"):
        read(text, search="nobody")
    chosen = read(text, entity_id="https://i399.example")
    assert (chosen.issuer_url, chosen.endpoint, chosen.certificates) == (
        "https://i399.example",
        "https://i399.example/sso",
        default_key().pem,
    )
    with pytest.raises(
        ValidationError, match=r"doesn't contain the identity provider https://i400\.example\."
    ):
        read(text, entity_id="https://i400.example")


def test_a_big_federation_keeps_what_is_declared_around_its_members() -> None:
    member = published.entity(
        published.role(published.key() + published.service("HTTP-Redirect", SSO)), IDP
    )
    prefixed = member.replace("md:", "m:").replace(' xmlns:m="', ' x="', 1)
    assert "xmlns:m=" not in prefixed
    others = federation(60).partition(">")[2].rpartition("<")[0]
    text = (
        f'<m:EntitiesDescriptor xmlns:m="urn:oasis:names:tc:SAML:2.0:metadata">'
        f"{others}{prefixed}</m:EntitiesDescriptor>"
    )
    assert read(text, entity_id=IDP).endpoint == SSO


@pytest.mark.parametrize("count", [2, 60])
def test_who_speaks_only_saml_1_is_no_choice(count: int) -> None:
    old = published.entity(
        published.role(published.key()).replace("SAML:2.0:protocol", "SAML:1.1:protocol"),
        "https://old.example",
    )
    text = federation(count).replace("</md:EntitiesDescriptor>", f"{old}</md:EntitiesDescriptor>")
    found = read(text)
    assert len(found.choices) + found.more_choices == count
    assert "https://old.example" not in found.choices


def test_a_federation_that_is_too_long_says_how_to_cut_one_out() -> None:
    with pytest.raises(ValidationError, match="paste only its part, from <EntityDescriptor"):
        read(federation(1_200))


# --- private keys, whatever they come in --------------------------------------------------------


@pytest.mark.row(32)
@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_a_private_key_is_refused_whatever_it_comes_in(wrapping: str) -> None:
    text = WRAPPINGS[wrapping](default_key().private_pem)
    for reads in (read, normalise_certificates):
        with pytest.raises(ValidationError) as caught:
            reads(text)
        assert caught.value.code == PRIVATE_KEY


@pytest.mark.row(32)
@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"sp": {"privateKey": bare(default_key().private_pem)}}),
        json.dumps({"sp": {"privateKey": encoded(default_key().private_pem)}}),
        decode(base64.b64decode(bare(default_key().private_pem))),
        html.escape(published.entity(f"<a>{default_key().private_pem}</a>")),
    ],
)
def test_a_private_key_in_settings_and_files(text: str) -> None:
    with pytest.raises(ValidationError) as caught:
        read(text)
    assert caught.value.code == PRIVATE_KEY


@pytest.mark.row(32)
def test_a_private_key_that_stands_where_nothing_is_read() -> None:
    """The whole of it is shown again in the box, and travels with each further reading."""
    member = published.role(published.key() + published.service("HTTP-Redirect", SSO))
    document = published.entity(f"{member}<x>{default_key().private_pem}</x>")
    with pytest.raises(ValidationError) as caught:
        read(encoded(document))
    assert caught.value.code == PRIVATE_KEY
