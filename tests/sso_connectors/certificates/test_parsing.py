"""What people paste for a certificate: understood where it can be, and told apart where it can't.

All keys and certificates are made here, by cryptography; nothing is canned.
"""

import base64
import functools
import hashlib
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final
from xml.sax.saxutils import escape

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    pkcs7,
    pkcs12,
)
from django.core.exceptions import ValidationError

from sso_connectors.certificates import parsing
from sso_connectors.certificates.parsing import (
    PRIVATE_KEY,
    find_bodies,
    load_certificates,
    normalise_certificates,
    read_certificates,
)
from tests.idp import MD, IdP, SigningKey, bare, default_key, ec_key, other_key, weak_key

PrivateKey = (
    rsa.RSAPrivateKey
    | ec.EllipticCurvePrivateKey
    | dsa.DSAPrivateKey
    | ed25519.Ed25519PrivateKey
    | ed448.Ed448PrivateKey
)
WANTED: Final = (
    "Paste the identity provider's own signing certificate here, from -----BEGIN "
    "CERTIFICATE----- to -----END CERTIFICATE-----."
)
CERTIFICATE_LINE: Final = "-----BEGIN CERTIFICATE-----"


def refused(pasted: str) -> ValidationError:
    """The error, whose one message must end in what is wanted."""
    with pytest.raises(ValidationError) as caught:
        normalise_certificates(pasted)
    (message,) = caught.value.messages
    assert message.endswith(WANTED)
    return caught.value


def seen(pasted: str) -> str:
    """What the error says was seen."""
    error = refused(pasted)
    assert error.code == "certificate"
    return str(error.messages[0]).removesuffix(WANTED).strip()


def fingerprints(pem: str) -> list[str]:
    return [item.fingerprint for item in load_certificates(pem)]


def certify(
    public_key: rsa.RSAPublicKey
    | ec.EllipticCurvePublicKey
    | dsa.DSAPublicKey
    | ed25519.Ed25519PublicKey
    | ed448.Ed448PublicKey,
    *,
    name: str = "idp.example",
    issuer: str = "Example CA",
    ca: bool = False,
    usage: tuple[str, ...] | None = None,
) -> str:
    """A certificate of `public_key`, issued by `default_key()`; `usage` None: no KeyUsage."""

    def named(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])

    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(named(issuer))
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=365))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if usage is not None:
        names = (
            "digital_signature",
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "key_cert_sign",
            "crl_sign",
            "encipher_only",
            "decipher_only",
        )
        extension = x509.KeyUsage(**{each: each in usage for each in names})
        builder = builder.add_extension(extension, critical=True)
    signed = builder.sign(default_key().private_key, hashes.SHA256())
    return signed.public_bytes(Encoding.PEM).decode()


@functools.cache
def many(count: int) -> tuple[SigningKey, ...]:
    return tuple(SigningKey.ec(common_name=f"idp{number}.example") for number in range(count))


def private_forms() -> list[tuple[str, str]]:
    """A name and the text of every usual way to write a private key."""
    keys = {"RSA": default_key().private_key, "EC": ec_key().private_key}
    forms: dict[str, tuple[PrivateFormat, KeySerializationEncryption]] = {
        "PKCS#8": (PrivateFormat.PKCS8, NoEncryption()),
        "traditional": (PrivateFormat.TraditionalOpenSSL, NoEncryption()),
        "encrypted": (PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")),
        "traditional encrypted": (
            PrivateFormat.TraditionalOpenSSL,
            BestAvailableEncryption(b"secret"),
        ),
        "OpenSSH": (PrivateFormat.OpenSSH, NoEncryption()),
    }
    return [
        (f"{kind} {form}", key.private_bytes(Encoding.PEM, *how).decode())
        for kind, key in keys.items()
        for form, how in forms.items()
    ]


# --- good pastes ------------------------------------------------------------------------------

PASTES: Final[dict[str, Callable[[str], str]]] = {
    "as it is": lambda pem: pem,
    "CRLF": lambda pem: pem.replace("\n", "\r\n"),
    "CR": lambda pem: pem.replace("\n", "\r"),
    "&#13;": lambda pem: pem.replace("\n", "&#13;\n"),
    "&#xD;": lambda pem: pem.replace("\n", "&#xD;\n"),
    "&#xd;": lambda pem: pem.replace("\n", "&#xd;\n"),
    "spaces around": lambda pem: f"\n\n  \t{pem}  \n ",
    "spaces in front of each line": lambda pem: "".join(
        f"    {line}\n" for line in pem.split("\n")
    ),
    "byte order mark": lambda pem: f"\ufeff{pem}",
    "no-break spaces": lambda pem: pem.replace("\n", "\u00a0\n"),
    "one line": lambda pem: pem.replace("\n", " "),
    "lines run together": lambda pem: pem.replace("\n", ""),
    "bare base64": bare,
    "bare base64 in lines": lambda pem: "\r\n".join(pem.splitlines()[1:-1]),
    "text around": lambda pem: f"Dear colleague,\nhere it is:\n{pem}\nRegards -- Bob\n",
    "openssl s_client": lambda pem: (
        f"Certificate chain\n 0 s:CN = idp\n---\nServer certificate\n{pem}---\nNo client CA\n"
    ),
    "Bag Attributes": lambda pem: f"Bag Attributes\n    localKeyID: 01 00\nsubject=/CN=idp\n{pem}",
    "X509 CERTIFICATE": lambda pem: pem.replace("CERTIFICATE", "X509 CERTIFICATE"),
    "TRUSTED CERTIFICATE": lambda pem: pem.replace("CERTIFICATE", "TRUSTED CERTIFICATE"),
    "the XML element alone": lambda pem: (
        '<ds:X509Certificate xmlns:ds="http://www.w3.org/2000/09/xmldsig#">'
        f"\n{bare(pem)}\n</ds:X509Certificate>"
    ),
    "metadata": lambda pem: metadata(key_descriptor(pem)),
    "metadata with a declaration": lambda pem: (
        f'\ufeff<?xml version="1.0" encoding="UTF-8"?>\n{metadata(key_descriptor(pem))}'
    ),
    "metadata with comments": lambda pem: (
        f"<!-- ours -->{metadata('<!-- key -->' + key_descriptor(pem))}<!-- end -->"
    ),
}


@pytest.mark.parametrize("paste", PASTES.values(), ids=PASTES)
@pytest.mark.parametrize("key", [default_key, ec_key], ids=["RSA", "EC"])
def test_what_people_paste(paste: Callable[[str], str], key: Callable[[], SigningKey]) -> None:
    kept = normalise_certificates(paste(key().pem))
    assert kept == key().pem
    assert normalise_certificates(kept) == kept


def test_what_was_understood_is_shown() -> None:
    key = SigningKey.rsa(common_name="Acme signing")
    (item,) = load_certificates(normalise_certificates(bare(key.pem)))
    assert item.subject == "CN=Acme signing"
    assert item.fingerprint == key.fingerprint
    assert item.valid_from == key.certificate.not_valid_before_utc
    assert item.valid_until == key.certificate.not_valid_after_utc
    assert item.pem == key.pem
    assert not item.is_expiring


def test_a_certificate_without_a_subject() -> None:
    key = default_key().private_key.public_key()
    nameless = x509.Name([])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(nameless, nameless, key, 1, now, now + timedelta(days=90))
        .sign(default_key().private_key, hashes.SHA256())
        .public_bytes(Encoding.PEM)
        .decode()
    )
    (item,) = load_certificates(normalise_certificates(certificate))
    assert item.subject == "no subject"


def test_several_are_kept_once_each_in_their_order() -> None:
    first, second, third = (key.pem for key in (other_key(), default_key(), ec_key()))
    pasted = first + second.replace("\n", "\r\n") + first + f"text\n{third}" + second
    assert normalise_certificates(pasted) == first + second + third
    assert normalise_certificates(third + second + first) == third + second + first


def test_ten_at_most() -> None:
    pem = "".join(key.pem for key in many(10))
    assert normalise_certificates(pem + pem) == pem
    assert seen(pem + default_key().pem) == (
        "This text contains 11 certificates, which looks like a bundle of certificate authorities."
    )


@pytest.mark.parametrize(
    ("days_from", "days_until", "marks"),
    [
        (-400, -1, {"is_expired", "is_expiring"}),
        (-400, 29, {"is_expiring"}),
        (-400, 31, set()),
        (1, 400, {"is_not_yet_valid"}),
    ],
)
def test_dates_are_shown_and_never_refused(
    days_from: int, days_until: int, marks: set[str]
) -> None:
    now = datetime.now(UTC)
    key = SigningKey.ec(
        not_before=now + timedelta(days=days_from), not_after=now + timedelta(days=days_until)
    )
    (item,) = load_certificates(normalise_certificates(key.pem))
    properties = ("is_expired", "is_not_yet_valid", "is_expiring")
    assert {name for name in properties if getattr(item, name)} == marks


@pytest.mark.parametrize("bits", [2048, 3072])
def test_rsa_of_2048_bits_will_do(bits: int) -> None:
    assert fingerprints(normalise_certificates(SigningKey.rsa(bits=bits).pem))


@pytest.mark.parametrize(
    "curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()], ids=lambda curve: curve.name
)
def test_the_curves_in_use_will_do(curve: ec.EllipticCurve) -> None:
    assert fingerprints(normalise_certificates(SigningKey.ec(curve=curve).pem))


def test_a_self_made_certificate_that_calls_itself_an_authority_will_do() -> None:
    """Okta, Keycloak and others sign with such."""
    key = SigningKey.rsa(ca=True)
    assert normalise_certificates(key.pem) == key.pem
    public = default_key().private_key.public_key()
    both = certify(public, ca=True, usage=("digital_signature", "key_cert_sign"))
    assert normalise_certificates(both) == both
    signs = certify(public, usage=("digital_signature",))
    assert normalise_certificates(signs) == signs


def test_old_and_new_certificate_of_one_name_are_no_chain() -> None:
    assert default_key().certificate.subject == other_key().certificate.subject
    pem = default_key().pem + other_key().pem
    assert normalise_certificates(pem) == pem


# --- metadata ---------------------------------------------------------------------------------


def key_descriptor(pem: str, use: str | None = "signing") -> str:
    attribute = "" if use is None else f' use="{use}"'
    return (
        f'<md:KeyDescriptor{attribute}><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#">'
        f"<ds:X509Data><ds:X509Certificate>\n{bare(pem)}\n</ds:X509Certificate></ds:X509Data>"
        "</ds:KeyInfo></md:KeyDescriptor>"
    )


def role(name: str, body: str) -> str:
    protocols = "urn:oasis:names:tc:SAML:2.0:protocol"
    return f'<md:{name} protocolSupportEnumeration="{protocols}">{body}</md:{name}>'


def entity(body: str, entity_id: str = "https://idp.example/saml") -> str:
    return (
        f'<md:EntityDescriptor xmlns:md="{MD}" entityID="{entity_id}">{body}</md:EntityDescriptor>'
    )


def metadata(body: str) -> str:
    return entity(role("IDPSSODescriptor", body))


def test_metadata_of_an_identity_provider() -> None:
    idp = IdP(also_published=[ec_key()])
    assert normalise_certificates(idp.metadata()) == default_key().pem + ec_key().pem


def test_only_signing_and_unspecified_keys_of_metadata() -> None:
    text = metadata(
        key_descriptor(other_key().pem, "encryption")
        + key_descriptor(ec_key().pem, "signing")
        + key_descriptor(default_key().pem, None)
        + key_descriptor(ec_key().pem, "signing")
    )
    assert normalise_certificates(text) == ec_key().pem + default_key().pem


def test_only_the_identity_providers_part_of_metadata() -> None:
    """AD FS describes itself as a service provider too, and signs the file."""
    text = entity(
        role("SPSSODescriptor", key_descriptor(other_key().pem))
        + role("IDPSSODescriptor", key_descriptor(ec_key().pem))
        + role("AttributeAuthorityDescriptor", key_descriptor(other_key().pem))
    )
    assert normalise_certificates(text) == ec_key().pem


def entities(*each: str) -> str:
    return f'<md:EntitiesDescriptor xmlns:md="{MD}">{"".join(each)}</md:EntitiesDescriptor>'


def test_metadata_of_several_entities() -> None:
    one = metadata(key_descriptor(default_key().pem))
    service = entity(role("SPSSODescriptor", key_descriptor(other_key().pem)))
    assert normalise_certificates(entities(service, one)) == default_key().pem
    two = entities(one, entities(metadata(key_descriptor(ec_key().pem))))
    assert seen(two) == "This metadata describes 2 identity providers."


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            entity(role("SPSSODescriptor", "")),
            "This is the metadata of a service provider, not of an identity provider.",
        ),
        (metadata(""), "This XML doesn't contain an identity provider's signing certificate."),
        (
            "<note>hello</note>",
            ("This XML doesn't contain an identity provider's signing certificate."),
        ),
        (metadata("<cut"), "This looks like XML, but can't be read: It is not well-formed XML"),
        ("<", "This looks like XML, but can't be read: It is not well-formed XML"),
        ("<a>\ud800</a>", "This looks like XML, but can't be read: It is not UTF-8 text."),
        (
            "<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>",
            "This looks like XML, but can't be read: It has a DOCTYPE",
        ),
        ("<!DOCTYPE html>\n<html><p>Sign in</html>", "This is a web page."),
        ("<!doctype HTML PUBLIC '-//W3C//DTD'><p>Sign in", "This is a web page."),
        ("<HTML lang=en><body>x", "This is a web page."),
    ],
)
def test_xml_without_what_is_needed(text: str, says: str) -> None:
    assert seen(text).startswith(says)


def test_the_encryption_key_alone_is_none_to_trust() -> None:
    text = metadata(key_descriptor(default_key().pem, "encryption"))
    assert seen(text) == ("This XML doesn't contain an identity provider's signing certificate.")


def test_a_bad_certificate_in_metadata() -> None:
    assert "has 1024 bits" in seen(metadata(key_descriptor(weak_key().pem)))
    cut = metadata(key_descriptor(default_key().pem)).replace(bare(default_key().pem), "MIIB")
    assert "not a certificate" in seen(cut)


# --- private keys -----------------------------------------------------------------------------


def assert_nothing_of_it(secret_base64: str, error: ValidationError) -> None:
    """No piece of ten characters of the key stands in the error, its parameters or its causes."""
    told = [str(error), repr(error), *map(str, error.messages), repr(error.params)]
    cause: BaseException | None = error.__cause__
    while cause is not None:
        told.append(str(cause))
        cause = cause.__cause__
    for start in range(len(secret_base64) - 10):
        assert not any(secret_base64[start : start + 10] in text for text in told)


PRIVATE_FORMS: Final = private_forms()


@pytest.mark.row(32)
@pytest.mark.parametrize(
    "pem", [pem for _name, pem in PRIVATE_FORMS], ids=[name for name, _pem in PRIVATE_FORMS]
)
def test_a_private_key(pem: str) -> None:
    certificate = default_key().pem
    ways = [
        pem,
        pem.replace("\n", "\r\n"),
        f"  {pem}",
        certificate + pem,
        pem + certificate,
        pem.rsplit("-----END", 1)[0],
        pem.split("-----\n", 1)[1],
        f"<key>{escape(pem)}</key>",
        metadata(f"<md:Extensions>{pem}</md:Extensions>{key_descriptor(certificate)}"),
    ]
    for pasted in ways:
        error = refused(pasted)
        assert error.code == PRIVATE_KEY
        assert "This text contained a private key, which was not stored." in error.messages[0]
        assert_nothing_of_it(bare(pem), error)


@pytest.mark.row(32)
@pytest.mark.parametrize(
    "pem",
    [pem for name, pem in PRIVATE_FORMS if "Proc-Type" not in pem and "OpenSSH" not in name],
    ids=[name for name, pem in PRIVATE_FORMS if "Proc-Type" not in pem and "OpenSSH" not in name],
)
def test_a_private_key_without_its_lines(pem: str) -> None:
    body = bare(pem)
    for pasted in (
        body,
        "\n".join(pem.splitlines()[1:-1]),
        f"{CERTIFICATE_LINE}\n{body}\n-----END CERTIFICATE-----",
        metadata(key_descriptor(pem)),
    ):
        error = refused(pasted)
        assert error.code == PRIVATE_KEY
        assert_nothing_of_it(body, error)


@pytest.mark.row(32)
@pytest.mark.parametrize("cut", [1, 2, 3, 30, 37])
@pytest.mark.parametrize(
    "pem", [pem for _name, pem in PRIVATE_FORMS], ids=[name for name, _pem in PRIVATE_FORMS]
)
def test_a_piece_of_a_private_key_is_not_repeated(pem: str, cut: int) -> None:
    """Cut, it can't be known for one; so no error repeats what was pasted."""
    body = bare(pem)
    pieces = [body[cut:], body[:-cut], body[cut:-cut], body[:60] + "!" + body[60:], f"{body}\0"]
    for piece in pieces:
        assert_nothing_of_it(body, refused(piece))


# --- bad pastes -------------------------------------------------------------------------------


def test_weak_rsa() -> None:
    assert seen(weak_key().pem) == (
        "The certificate's RSA key has 1024 bits; at least 2048 are needed."
    )
    assert "has 2040 bits" in seen(SigningKey.rsa(bits=2040).pem)
    assert "has 1024 bits" in seen(default_key().pem + weak_key().pem)


@pytest.mark.parametrize("curve", [ec.SECP192R1(), ec.SECP224R1()], ids=lambda curve: curve.name)
def test_weak_curve(curve: ec.EllipticCurve) -> None:
    public = ec.generate_private_key(curve).public_key()
    assert seen(certify(public)) == (
        f"The certificate's curve {curve.name} is too weak; at least 256 bits are needed."
    )


def other_kinds() -> dict[str, Callable[[], PrivateKey]]:
    return {
        "DSA": lambda: dsa.generate_private_key(2048),
        "Ed25519": ed25519.Ed25519PrivateKey.generate,
        "Ed448": ed448.Ed448PrivateKey.generate,
    }


@pytest.mark.parametrize("generate", other_kinds().values(), ids=other_kinds())
def test_kinds_of_key_that_no_signature_we_accept_uses(generate: Callable[[], PrivateKey]) -> None:
    assert seen(certify(generate().public_key())) == (
        "The certificate's key is neither RSA nor ECDSA."
    )


@pytest.mark.parametrize("line", ["-----BEGIN CERTIFICATE-----\n", "-----END CERTIFICATE-----\n"])
def test_a_block_that_lacks_a_line(line: str) -> None:
    lacking = default_key().pem.replace(line, "")
    for pasted in (lacking, f"Here it is:\n\n{lacking}\n\nRegards\nBob\n"):
        assert normalise_certificates(pasted) == default_key().pem
    assert normalise_certificates(lacking + ec_key().pem) == default_key().pem + ec_key().pem
    assert normalise_certificates(ec_key().pem + lacking) == ec_key().pem + default_key().pem


def test_a_block_that_ends_as_another() -> None:
    pasted = default_key().pem.replace("END CERTIFICATE", "END PKCS7")
    assert seen(pasted) == ("A block is incomplete: its BEGIN line or its END line is missing.")


@pytest.mark.parametrize("missing", [1, 4, 100, 1000])
def test_cut_base64(missing: int) -> None:
    body = bare(default_key().pem).rstrip("=")
    cut = body[: len(body) - missing]
    for pasted in (cut, f"{CERTIFICATE_LINE}\n{cut}\n-----END CERTIFICATE-----\n"):
        assert "is incomplete" in seen(pasted)


@pytest.mark.parametrize("key", [default_key, ec_key], ids=["RSA", "EC"])
def test_cut_der(key: Callable[[], SigningKey]) -> None:
    der = key().certificate.public_bytes(Encoding.DER)
    for have in (60, len(der) // 2, len(der) - 1):
        pasted = base64.b64encode(der[:have]).decode()
        assert seen(pasted) == (
            f"The certificate is incomplete: only {have} of its {len(der)} bytes are present."
        )
    for have in (1, 2, 3, 4):
        assert seen(base64.b64encode(der[:have]).decode())


def test_a_certificate_with_a_changed_byte_is_none() -> None:
    der = bytearray(default_key().certificate.public_bytes(Encoding.DER))
    der[4] ^= 0xFF
    assert seen(base64.b64encode(der).decode()) == ("This is base64 text, but not a certificate.")
    assert seen(base64.b64encode(der + b"\0").decode()) == (
        "This is base64 text, but not a certificate."
    )


@pytest.mark.filterwarnings(
    # What cryptography says of a serial number that is not positive; it reads the rest all the same.
    "ignore::cryptography.utils.CryptographyDeprecationWarning"
)
@pytest.mark.parametrize("key", [default_key, ec_key], ids=["RSA", "EC"])
def test_damaged_certificates_are_told_or_kept_and_never_a_traceback(
    key: Callable[[], SigningKey],
) -> None:
    """Much of a certificate is parsed only when it is asked for, which may be long after."""
    chance = random.Random(20)  # noqa: S311 - the same damage each time
    der = key().certificate.public_bytes(Encoding.DER)
    kept = 0
    for _ in range(4000):
        damaged = bytearray(der)
        for _ in range(chance.choice([1, 1, 2, 3])):
            damaged[chance.randrange(len(der))] = chance.randrange(256)
        try:
            pem = normalise_certificates(base64.b64encode(damaged).decode())
        except ValidationError as error:
            assert error.messages[0].endswith(WANTED)  # noqa: PT017 - most are refused, not all
        else:
            kept += len(fingerprints(pem))
    assert kept


def test_a_certificate_that_says_a_thing_twice() -> None:
    def unknown(last: int) -> x509.UnrecognizedExtension:
        return x509.UnrecognizedExtension(x509.ObjectIdentifier(f"1.2.3.4.5.6.{last}"), b"\5\0")

    name = default_key().certificate.subject
    now = datetime.now(UTC)
    public = default_key().private_key.public_key()
    builder = x509.CertificateBuilder(name, name, public, 1, now, now + timedelta(days=90))
    for last in (7, 8):
        builder = builder.add_extension(unknown(last), critical=False)
    certificate = builder.sign(default_key().private_key, hashes.SHA256())
    der = certificate.public_bytes(Encoding.DER)
    oid = bytes([0x2A, 3, 4, 5, 6])
    assert der.count(oid + b"\7") == der.count(oid + b"\x08") == 1
    twice = base64.b64encode(der.replace(oid + b"\x08", oid + b"\7")).decode()
    assert fingerprints(normalise_certificates(twice))


def test_a_character_that_base64_has_not() -> None:
    assert seen("certificate.cer") == "“.” is not a base64 character."
    assert seen(f"{CERTIFICATE_LINE}\nMIIB…\n-----END CERTIFICATE-----") == (
        "“…” is not a base64 character."
    )


def test_other_blocks() -> None:
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "idp.example")]))
        .sign(default_key().private_key, hashes.SHA256())
        .public_bytes(Encoding.PEM)
        .decode()
    )
    assert seen(request) == "This is a Certificate Request, not a certificate."
    assert seen(default_key().public_pem) == "This is a Public Key, not a certificate."
    assert seen(default_key().pem + default_key().public_pem) == (
        "This is a Public Key, not a certificate."
    )
    assert "base64 text, but not a certificate" in seen(bare(request))
    assert "base64 text, but not a certificate" in seen(bare(default_key().public_pem))


@pytest.mark.parametrize("pasted", ["", " \r\n ", "\ufeff", "&#13;", "====", "-----"])
def test_nothing(pasted: str) -> None:
    assert seen(pasted)


def test_empty_block() -> None:
    pasted = f"{CERTIFICATE_LINE}\n\n-----END CERTIFICATE-----"
    assert seen(pasted) == "No certificate was found."
    assert seen(default_key().pem + pasted) == "No certificate was found."


def test_an_authority() -> None:
    """Trusting an authority's key would trust whatever it signs as if it were the IdP."""
    public = ec_key().private_key.public_key()
    authority = certify(public, name="Example Root", ca=True, usage=("key_cert_sign", "crl_sign"))
    says = (
        "“CN=Example Root” is the certificate of a certificate authority, which signs "
        "other certificates."
    )
    assert seen(authority) == says
    found = read_certificates(find_bodies(default_key().pem + authority))
    assert found.pem == default_key().pem, "the authority is left out"
    (note,) = found.notes
    assert note == (
        "Ignored, because they belong to certificate authorities, which sign other certificates "
        "(1 of 2): “CN=Example Root”."
    )


def test_a_bundle_of_authorities() -> None:
    usage = ("key_cert_sign", "crl_sign")
    bundle = "".join(
        certify(key.private_key.public_key(), name=f"Root {number}", ca=True, usage=usage)
        for number, key in enumerate(many(3))
    )
    assert "is the certificate of a certificate authority" in seen(bundle)


def test_a_chain_with_its_issuer() -> None:
    leaf = certify(ec_key().private_key.public_key(), issuer="Example CA")
    issuer = SigningKey.rsa(common_name="Example CA", ca=True)
    assert normalise_certificates(leaf) == leaf
    for chain in (leaf + issuer.pem, issuer.pem + leaf):
        assert normalise_certificates(chain) == leaf
        (note,) = read_certificates(find_bodies(chain)).notes
        assert note == (
            "Ignored, because they belong to certificate authorities, which sign other certificates "
            "(1 of 2): “CN=Example CA”."
        )


def test_each_issued_by_the_other_is_no_leaf() -> None:
    one = certify(ec_key().private_key.public_key(), name="One", issuer="Other")
    other = certify(other_key().private_key.public_key(), name="Other", issuer="One")
    assert "is the certificate of a certificate authority" in seen(one + other)


def test_a_chain_in_pkcs7() -> None:
    """What Windows exports as .p7b, with the authorities."""
    leaf = x509.load_pem_x509_certificate(
        certify(ec_key().private_key.public_key(), issuer="Example CA").encode()
    )
    issuer = SigningKey.rsa(common_name="Example CA", ca=True)
    for encoding in (Encoding.PEM, Encoding.DER):
        bundle = pkcs7.serialize_certificates([issuer.certificate, leaf], encoding)
        pasted = bundle.decode() if encoding is Encoding.PEM else base64.b64encode(bundle).decode()
        assert normalise_certificates(pasted) == leaf.public_bytes(Encoding.PEM).decode()


def test_pkcs12_is_a_private_key() -> None:
    bundle = pkcs12.serialize_key_and_certificates(
        b"idp", default_key().private_key, default_key().certificate, None, NoEncryption()
    )
    assert refused(base64.b64encode(bundle).decode()).code == PRIVATE_KEY


def in_version(version: int | None) -> bytes:
    """`default_key()`'s certificate in DER, with another version written into it; None for none."""
    whole = default_key().certificate.public_bytes(Encoding.DER)
    at = whole.index(b"\xa0\x03\x02\x01\x02")
    assert at == 8
    if version is not None:
        return whole[:12] + bytes([version]) + whole[13:]
    shorter = bytearray(whole[:8] + whole[13:])
    for place in (2, 6):
        size = int.from_bytes(shorter[place : place + 2], "big") - 5
        shorter[place : place + 2] = size.to_bytes(2, "big")
    return bytes(shorter)


@pytest.mark.parametrize("version", [0, 1, 3])
def test_a_version_that_the_library_does_not_read(version: int) -> None:
    """FusionAuth writes version 2 (1 on the wire). The key is what counts."""
    data = in_version(version)
    with pytest.raises((x509.InvalidVersion, ValueError)):
        x509.load_der_x509_certificate(data)
    (item,) = load_certificates(normalise_certificates(base64.b64encode(data).decode()))
    assert item.key == default_key().private_key.public_key()
    assert item.fingerprint == hashlib.sha256(data).digest().hex(":").upper(), "as it came"
    assert base64.b64decode("".join(item.pem.splitlines()[1:-1])) == data


def test_more_than_anyone_needs_is_refused_before_it_is_parsed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each takes a tenth of a millisecond and more, and a megabyte holds a thousand of them."""
    monkeypatch.setattr(parsing, "_load", None)
    pem = default_key().pem
    body = bytearray(default_key().certificate.public_bytes(Encoding.DER))
    different = []
    for number in range(61):
        body[-1] = number
        different.append(base64.b64encode(bytes(body)).decode())
    bundle = "".join(
        f"{CERTIFICATE_LINE}\n{each}\n-----END CERTIFICATE-----\n" for each in different
    )
    assert seen(bundle).startswith("This text contains 61 certificates, ")
    with pytest.raises(TypeError):  # it was removed above: this one goes on to be parsed
        normalise_certificates(pem * 400)


def test_each_for_itself() -> None:
    good, bad = bare(default_key().pem), bare(weak_key().pem)
    found = read_certificates([bad, good], each_for_itself=True)
    assert found.pem == default_key().pem
    (note,) = found.notes
    assert note.startswith("The certificate's RSA key has 1024 bits")
    with pytest.raises(ValidationError, match="1024 bits"):
        read_certificates([bad], each_for_itself=True)
    with pytest.raises(ValidationError, match="private key"):
        read_certificates([good, bare(default_key().private_pem)], each_for_itself=True)


def test_too_much() -> None:
    assert seen("A" * (parsing.MAX_PASTE + 1)) == "This text is longer than 1048576 characters."


@pytest.mark.parametrize(
    "pasted",
    [
        "-----BEGIN " * 50_000,
        "-----BEGIN A-----" * 30_000,
        "-----BEGIN CERTIFICATE-----\n" * 30_000,
        "<" * 500_000,
        "<a>" * 100_000,
        "A" * 1_000_000,
        "=" * 1_000_000,
        "-" * 1_000_000,
        CERTIFICATE_LINE + "\n" + "A" * 900_000 + "\n-----END CERTIFICATE-----",
    ],
    ids=range(9),
)
@pytest.mark.timeout(10)
@pytest.mark.row(29)
def test_hostile_input_takes_no_time(pasted: str) -> None:
    refused(pasted)


def test_a_percent_sign_in_a_subject_is_shown() -> None:
    public = ec_key().private_key.public_key()
    pem = certify(public, name="100%s %(x)s <b>", ca=True, usage=("key_cert_sign",))
    assert "“CN=100%s %(x)s \\<b\\>” is" in seen(pem)


def test_the_certificates_really_are_of_the_keys() -> None:
    """A test of the tests: what `certify` makes is signed by the key that it says."""
    certificate = x509.load_pem_x509_certificate(
        certify(ec_key().private_key.public_key()).encode()
    )
    signer = default_key().private_key.public_key()
    assert isinstance(signer, rsa.RSAPublicKey)
    signer.verify(
        certificate.signature,
        certificate.tbs_certificate_bytes,
        padding.PKCS1v15(),
        hashes.SHA256(),
    )
