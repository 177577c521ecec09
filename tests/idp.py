"""A SAML 2.0 identity provider that really signs, and that can lie in any one detail.

Signatures are made step by step from the XML Signature recommendation (canonical form, digest, SignedInfo,
signature value), by code that shares nothing with the product's verification or with signxml, so that a
misreading in one of them can't hide itself. tests/test_idp.py proves the result.

Everything that an answer says is a field of `Answer`; a field left alone is the truth.
"""

import base64
import functools
import secrets
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any, Final, Literal, overload
from urllib.parse import parse_qs, urlsplit, urlunsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric import ec as elliptic
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric import rsa as rsa_keys
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from lxml import etree

SAML: Final = "urn:oasis:names:tc:SAML:2.0:assertion"
SAMLP: Final = "urn:oasis:names:tc:SAML:2.0:protocol"
MD: Final = "urn:oasis:names:tc:SAML:2.0:metadata"
DS: Final = "http://www.w3.org/2000/09/xmldsig#"
XS: Final = "http://www.w3.org/2001/XMLSchema"
XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"

SUCCESS: Final = "urn:oasis:names:tc:SAML:2.0:status:Success"
BEARER: Final = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
EMAIL: Final = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
PERSISTENT: Final = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
PROTECTED_TRANSPORT: Final = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"
BINDINGS: Final = "urn:oasis:names:tc:SAML:2.0:bindings:"

# RFC 9231 lists the identifiers; "more" is where most of them live.
_MORE: Final = "http://www.w3.org/2001/04/xmldsig-more#"
_MGF1: Final = "http://www.w3.org/2007/05/xmldsig-more#"
RSA_MD5: Final = _MORE + "rsa-md5"
RSA_RIPEMD160: Final = _MORE + "rsa-ripemd160"
RSA_SHA1: Final = DS + "rsa-sha1"
RSA_SHA256: Final = _MORE + "rsa-sha256"
RSA_SHA384: Final = _MORE + "rsa-sha384"
RSA_SHA512: Final = _MORE + "rsa-sha512"
RSA_PSS_SHA256: Final = _MGF1 + "sha256-rsa-MGF1"
ECDSA_SHA1: Final = _MORE + "ecdsa-sha1"
ECDSA_SHA256: Final = _MORE + "ecdsa-sha256"
ECDSA_SHA384: Final = _MORE + "ecdsa-sha384"
ECDSA_SHA512: Final = _MORE + "ecdsa-sha512"
HMAC_SHA1: Final = DS + "hmac-sha1"
HMAC_SHA256: Final = _MORE + "hmac-sha256"

MD5: Final = _MORE + "md5"
RIPEMD160: Final = "http://www.w3.org/2001/04/xmlenc#ripemd160"
SHA1: Final = DS + "sha1"
SHA256: Final = "http://www.w3.org/2001/04/xmlenc#sha256"
SHA384: Final = _MORE + "sha384"
SHA512: Final = "http://www.w3.org/2001/04/xmlenc#sha512"

ENVELOPED: Final = DS + "enveloped-signature"
EXCLUSIVE: Final = "http://www.w3.org/2001/10/xml-exc-c14n#"
EXCLUSIVE_WITH_COMMENTS: Final = EXCLUSIVE + "WithComments"
INCLUSIVE: Final = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
INCLUSIVE_1_1: Final = "http://www.w3.org/2006/12/xml-c14n11"
XPATH: Final = "http://www.w3.org/TR/1999/REC-xpath-19991116"
XSLT: Final = "http://www.w3.org/TR/1999/REC-xslt-19991116"
BASE64: Final = DS + "base64"

_CANONICAL_FORMS: Final = (EXCLUSIVE, EXCLUSIVE_WITH_COMMENTS, INCLUSIVE, INCLUSIVE_1_1)
_HASHES: Final[dict[str, hashes.HashAlgorithm]] = {
    "md5": hashes.MD5(),  # noqa: S303 what a lie is made of
    "sha1": hashes.SHA1(),  # noqa: S303 as above
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
# Bodies that let everything through, so that a transform changes nothing but the fact of its use.
_TRANSFORM_BODIES: Final = {
    XPATH: f'<ds:XPath xmlns:ds="{DS}">true()</ds:XPath>',
    XSLT: (
        '<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">'
        '<xsl:template match="@*|node()"><xsl:copy><xsl:apply-templates select="@*|node()"/>'
        "</xsl:copy></xsl:template></xsl:stylesheet>"
    ),
}


class Omit(Enum):
    """The type of OMIT: leave this out of the message."""

    OMIT = "omit"


OMIT: Final = Omit.OMIT

Text = str | Omit | None
Time = datetime | str | Omit | None
Edit = Callable[[etree._Element], object]
CertificateHash = hashes.SHA256 | hashes.SHA384 | hashes.SHA512


def saml(name: str) -> str:
    return f"{{{SAML}}}{name}"


def samlp(name: str) -> str:
    return f"{{{SAMLP}}}{name}"


def ds(name: str) -> str:
    return f"{{{DS}}}{name}"


def new_id() -> str:
    """An xs:ID: it may not start with a digit."""
    return "_" + secrets.token_hex(16)


def unusual_id() -> str:
    """None by the standard, and yet as real identity providers write them."""
    return f"{secrets.randbelow(10)}{secrets.token_hex(8)}.a+b:c-{secrets.token_hex(8)}"


def parse(xml: bytes) -> etree._Element:
    """Trusting only in size: test documents are larger than lxml's limits on purpose."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True)
    return etree.fromstring(xml, parser)


def form_value(xml: bytes) -> str:
    """The SAMLResponse form field that carries `xml` (HTTP-POST binding: base64, not deflated)."""
    return base64.b64encode(xml).decode()


@dataclass(frozen=True)
class SigningKey:
    """A private key and its self-signed certificate."""

    private_key: rsa_keys.RSAPrivateKey | elliptic.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def rsa(
        cls,
        *,
        bits: int = 2048,
        common_name: str = "idp.example",
        not_before: datetime | None = None,
        not_after: datetime | None = None,
        ca: bool = False,
        hash: CertificateHash | None = None,
    ) -> "SigningKey":
        """Valid from yesterday for ten years unless told otherwise."""
        key = rsa_keys.generate_private_key(public_exponent=65537, key_size=bits)
        return cls._certified(key, common_name, not_before, not_after, ca, hash)

    @classmethod
    def ec(
        cls,
        *,
        curve: elliptic.EllipticCurve | None = None,
        common_name: str = "idp.example",
        not_before: datetime | None = None,
        not_after: datetime | None = None,
        ca: bool = False,
        hash: CertificateHash | None = None,
    ) -> "SigningKey":
        """On P-256 unless told otherwise; the dates as for `rsa`."""
        key = elliptic.generate_private_key(curve or elliptic.SECP256R1())
        return cls._certified(key, common_name, not_before, not_after, ca, hash)

    @classmethod
    def _certified(
        cls,
        private_key: rsa_keys.RSAPrivateKey | elliptic.EllipticCurvePrivateKey,
        common_name: str,
        not_before: datetime | None,
        not_after: datetime | None,
        ca: bool,
        hash: CertificateHash | None,
    ) -> "SigningKey":
        now = datetime.now(UTC)
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)])
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(private_key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(not_before or now - timedelta(days=1))
            .not_valid_after(not_after or now + timedelta(days=3650))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .sign(private_key, hash or hashes.SHA256())
        )
        return cls(private_key, certificate)

    @property
    def pem(self) -> str:
        """The certificate, as an administrator would paste it."""
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def private_pem(self) -> str:
        return self.private_key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode()

    @property
    def public_pem(self) -> str:
        """The bare public key: the secret of the attack that turns RSA into HMAC."""
        return (
            self.private_key.public_key()
            .public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
            .decode()
        )

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate, upper case with colons, as browsers show it."""
        return self.certificate.fingerprint(hashes.SHA256()).hex(":").upper()


# Generating a key takes up to a second, so a test run makes each of these once.
@functools.cache
def default_key() -> SigningKey:
    """What an IdP signs with unless told otherwise."""
    return SigningKey.rsa()


@functools.cache
def other_key() -> SigningKey:
    """As good as `default_key()` in everything but that nobody trusts it; same subject name."""
    return SigningKey.rsa()


@functools.cache
def ec_key() -> SigningKey:
    return SigningKey.ec()


@functools.cache
def weak_key() -> SigningKey:
    """RSA of 1024 bits: signs truly, and is too short to be believed."""
    return SigningKey.rsa(bits=1024)


@dataclass(frozen=True)
class ReceivedRequest:
    """An AuthnRequest as it reached the identity provider.

    sent_to: where the browser carried it; `destination` is where the request says it goes.
    name_id_format, allow_create: None where there is no NameIDPolicy, or it doesn't say.
    """

    id: str
    issuer: str
    acs_url: str | None
    destination: str | None = None
    name_id_format: str | None = None
    allow_create: bool | None = None
    force_authn: bool = False
    protocol_binding: str | None = None
    relay_state: str | None = None
    xml: bytes = b""
    sent_to: str = ""


def read_redirect(url: str) -> ReceivedRequest:
    """Read a request from the address that the browser was sent to (HTTP-Redirect binding)."""
    parts = urlsplit(url)
    query = parse_qs(parts.query, strict_parsing=True)
    xml = zlib.decompress(base64.b64decode(query["SAMLRequest"][0], validate=True), wbits=-15)
    sent_to = urlunsplit((*parts[:3], "", ""))
    return _read_request(xml, query.get("RelayState", [None])[0], sent_to)


def read_post_form(html: str) -> ReceivedRequest:
    """Read a request from the page whose form carries it (HTTP-POST binding)."""
    for form in etree.fromstring(html, etree.HTMLParser()).iter("form"):
        fields = {each.get("name"): each.get("value") for each in form.iter("input")}
        message = fields.get("SAMLRequest")
        if message is not None:
            xml = base64.b64decode(message, validate=True)
            return _read_request(xml, fields.get("RelayState"), form.get("action", ""))
    raise ValueError("no form with a SAMLRequest on this page")


def _read_request(xml: bytes, relay_state: str | None, sent_to: str) -> ReceivedRequest:
    request = parse(xml)
    if request.tag != samlp("AuthnRequest"):
        raise ValueError(f"not an AuthnRequest: {request.tag}")
    policy = request.find(samlp("NameIDPolicy"))
    create = policy.get("AllowCreate") if policy is not None else None
    return ReceivedRequest(
        id=request.get("ID", ""),
        issuer=request.findtext(saml("Issuer"), ""),
        acs_url=request.get("AssertionConsumerServiceURL"),
        destination=request.get("Destination"),
        name_id_format=policy.get("Format") if policy is not None else None,
        allow_create=None if create is None else create in ("true", "1"),
        force_authn=request.get("ForceAuthn") in ("true", "1"),
        protocol_binding=request.get("ProtocolBinding"),
        relay_state=relay_state,
        xml=xml,
        sent_to=sent_to,
    )


def canonical(
    element: etree._Element,
    algorithm: str = EXCLUSIVE,
    *,
    inclusive_prefixes: Sequence[str] = (),
) -> bytes:
    """The octets of `element` in the canonical form `algorithm`."""
    # lxml canonicalises a part of a document without the namespaces declared above it, so make the
    # part a document of its own first: serialising keeps what is in scope.
    alone = parse(etree.tostring(element, with_tail=False))
    return etree.tostring(
        alone,
        method="c14n",
        exclusive=algorithm in (EXCLUSIVE, EXCLUSIVE_WITH_COMMENTS),
        with_comments=algorithm.endswith("WithComments"),
        inclusive_ns_prefixes=list(inclusive_prefixes) or None,
    )


def digest(octets: bytes, algorithm: str = SHA256) -> str:
    """DigestValue. Under an algorithm that cryptography has not, any value will do."""
    hasher = hashes.Hash(_HASHES.get(algorithm.rpartition("#")[2], hashes.SHA256()))
    hasher.update(octets)
    return base64.b64encode(hasher.finalize()).decode()


def signature_value(
    octets: bytes, key: SigningKey, algorithm: str, *, hmac_secret: bytes | None = None
) -> str:
    """SignatureValue over `octets`.

    Really signed wherever `algorithm` is one that `key` can do, any bytes otherwise. An HMAC's
    secret is the certificate's PEM unless `hmac_secret` says otherwise.
    """
    name = algorithm.rpartition("#")[2]
    private = key.private_key
    hash_name = next((each for each in _HASHES if each in name), "")
    chosen = _HASHES.get(hash_name)
    value = b"\x01" * 256
    if chosen is None:
        pass
    elif name.startswith("hmac-"):
        mac = hmac.HMAC(key.pem.encode() if hmac_secret is None else hmac_secret, chosen)
        mac.update(octets)
        value = mac.finalize()
    elif isinstance(private, rsa_keys.RSAPrivateKey) and name.endswith("-rsa-MGF1"):
        pss = padding.PSS(mgf=padding.MGF1(chosen), salt_length=chosen.digest_size)
        value = private.sign(octets, pss, chosen)
    elif isinstance(private, rsa_keys.RSAPrivateKey) and name.startswith("rsa-"):
        value = private.sign(octets, padding.PKCS1v15(), chosen)
    elif isinstance(private, elliptic.EllipticCurvePrivateKey) and name.startswith("ecdsa-"):
        # XML Signature 1.1, 6.4.3: r and s side by side at the curve's width, not DER.
        width = (private.key_size + 7) // 8
        r, s = decode_dss_signature(private.sign(octets, elliptic.ECDSA(chosen)))
        value = r.to_bytes(width) + s.to_bytes(width)
    return base64.b64encode(value).decode()


def sign_element(
    element: etree._Element,
    key: SigningKey,
    *,
    signature_algorithm: str | None = None,
    digest_algorithm: str = SHA256,
    c14n_algorithm: str = EXCLUSIVE,
    transforms: Sequence[str] = (ENVELOPED, EXCLUSIVE),
    reference_uri: Text = None,
    key_info: Text = None,
    inclusive_prefixes: Sequence[str] = (),
    hmac_secret: bytes | None = None,
    edit_signed_info: Edit | None = None,
) -> etree._Element:
    """Sign `element` (enveloped); its new Signature stands where the SAML schema wants it.

    signature_algorithm: by default SHA-256 with whatever kind of key it is.
    reference_uri: "#" and the element's ID by default. "" signs the whole document, as it should.
    key_info: the certificate to embed as PEM, by default the key's.
    edit_signed_info: changes SignedInfo before it is signed, so that the lie is a signed one.
    """
    if signature_algorithm is None:
        is_rsa = isinstance(key.private_key, rsa_keys.RSAPrivateKey)
        signature_algorithm = RSA_SHA256 if is_rsa else ECDSA_SHA256
    uri = f"#{element.get('ID')}" if reference_uri is None else reference_uri
    target = element.getroottree().getroot() if uri == "" else element
    form = next((each for each in reversed(transforms) if each in _CANONICAL_FORMS), INCLUSIVE)
    octets = canonical(target, form, inclusive_prefixes=inclusive_prefixes)

    signature = etree.Element(ds("Signature"), nsmap={"ds": DS})
    signed_info = etree.SubElement(signature, ds("SignedInfo"))
    method = etree.SubElement(signed_info, ds("CanonicalizationMethod"), Algorithm=c14n_algorithm)
    _include(method, inclusive_prefixes)
    etree.SubElement(signed_info, ds("SignatureMethod"), Algorithm=signature_algorithm)
    reference = etree.SubElement(signed_info, ds("Reference"))
    _set(reference, URI=uri)
    if transforms:
        wrapper = etree.SubElement(reference, ds("Transforms"))
        for each in transforms:
            transform = etree.SubElement(wrapper, ds("Transform"), Algorithm=each)
            if each in _TRANSFORM_BODIES:
                transform.append(etree.fromstring(_TRANSFORM_BODIES[each]))
            if each.startswith(EXCLUSIVE):
                _include(transform, inclusive_prefixes)
    etree.SubElement(reference, ds("DigestMethod"), Algorithm=digest_algorithm)
    _add(reference, ds("DigestValue"), digest(octets, digest_algorithm))
    if edit_signed_info is not None:
        edit_signed_info(signed_info)

    # In its place before its canonical form is taken: inclusive, the namespaces around it count.
    issuer = element.find(saml("Issuer"))
    element.insert(0 if issuer is None else element.index(issuer) + 1, signature)
    signed = canonical(signed_info, c14n_algorithm, inclusive_prefixes=inclusive_prefixes)
    value = signature_value(signed, key, signature_algorithm, hmac_secret=hmac_secret)
    _add(signature, ds("SignatureValue"), value)
    if key_info is not OMIT:
        x509_data = etree.SubElement(etree.SubElement(signature, ds("KeyInfo")), ds("X509Data"))
        _add(x509_data, ds("X509Certificate"), bare(key.pem if key_info is None else key_info))
    return signature


def bare(pem: str) -> str:
    """The base64 inside a PEM block, which is how XML carries a certificate."""
    return "".join(line for line in pem.splitlines() if not line.startswith("-----"))


def _include(method: etree._Element, prefixes: Sequence[str]) -> None:
    if prefixes:
        name = f"{{{EXCLUSIVE}}}InclusiveNamespaces"
        etree.SubElement(method, name, nsmap={"ec": EXCLUSIVE}, PrefixList=" ".join(prefixes))


def _written(value: Text | Time) -> str | None:
    """As XML writes it (times in UTC, with milliseconds as most IdPs do); None: leave it out."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return None if value is OMIT else value


def _set(element: etree._Element, **attributes: Text | Time) -> None:
    for name, value in attributes.items():
        text = _written(value)
        if text is not None:
            element.set(name, text)


def _add(
    parent: etree._Element, tag: str, text: Text = None, **attributes: Text | Time
) -> etree._Element:
    child = etree.SubElement(parent, tag)
    child.text = _written(text)
    _set(child, **attributes)
    return child


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Everything that a Response says.

    None, the default of most fields, is the truth: what the request asked, this identity provider's
    name, the time of answering. OMIT leaves the attribute or element out. A time may be a string,
    which is written as it is.

    in_response_to, issue_instant, version: the Response's. The assertion_... and confirmation_...
        fields are the Assertion's and the SubjectConfirmationData's own.
    not_before, not_on_or_after: of Conditions, which stands there empty if `audience` is OMIT too.
    audience: several make one AudienceRestriction of several; for more restrictions, edit.
    sign: by default the assertion. An answer without an assertion is then not signed at all.
    assertions: how many; by default one in case of success. All share a given `assertion_id`.
    attribute_type: xsi:type of attribute values, which many identity providers send. Only text uses
        its prefix, so exclusive c14n drops the declaration unless `inclusive_prefixes` has "xs".
    edit_before_signing, edit_after_signing: given the Response element, to change at will.
    """

    name_id: str | Omit
    name_id_format: Text = None
    name_qualifier: str | Omit = OMIT
    sp_name_qualifier: str | Omit = OMIT
    attributes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    attribute_type: str | Omit = "xs:string"
    audience: Sequence[str] | Text = None
    recipient: Text = None
    destination: Text = None
    in_response_to: Text = None
    confirmation_in_response_to: Text = None
    confirmation_method: str | Omit = BEARER
    response_issuer: Text = None
    assertion_issuer: Text = None
    not_before: Time = None
    not_on_or_after: Time = None
    confirmation_not_before: Time = OMIT
    confirmation_not_on_or_after: Time = None
    issue_instant: Time = None
    assertion_issue_instant: Time = None
    authn_statement: bool = True
    authn_instant: Time = None
    session_not_on_or_after: Time = OMIT
    session_index: Text = None
    status: str | Omit = SUCCESS
    sub_status: str | None = None
    status_message: str | None = None
    version: str | Omit = "2.0"
    assertion_version: str | Omit = "2.0"
    response_id: Text = None
    assertion_id: Text = None
    assertions: int | None = None
    sign: Literal["assertion", "response", "both", "none"] = "assertion"
    key: SigningKey | None = None
    signature_algorithm: str | None = None
    digest_algorithm: str = SHA256
    c14n_algorithm: str = EXCLUSIVE
    transforms: Sequence[str] = (ENVELOPED, EXCLUSIVE)
    reference_uri: Text = None
    key_info: Text = None
    inclusive_prefixes: Sequence[str] = ()
    hmac_secret: bytes | None = None
    edit_signed_info: Edit | None = None
    edit_before_signing: Edit | None = None
    edit_after_signing: Edit | None = None


class IdP:
    """One identity provider.

    also_published: further keys whose certificates are in the metadata, as during a key rollover.
    """

    def __init__(
        self,
        *,
        entity_id: str = "https://idp.example/saml",
        sso_url: str = "https://idp.example/sso",
        key: SigningKey | None = None,
        also_published: Sequence[SigningKey] = (),
    ) -> None:
        self.entity_id = entity_id
        self.sso_url = sso_url
        self.key = key or default_key()
        self.published = (self.key, *also_published)

    def answer(
        self, request: ReceivedRequest, *, name_id: str | Omit = "alice@acme.example", **lies: Any
    ) -> bytes:
        """The Response to `request` as XML; `lies` are fields of `Answer`."""
        answer = Answer(name_id=name_id, **lies)
        response = self._response(request, answer)
        if answer.edit_before_signing is not None:
            answer.edit_before_signing(response)
        signed: list[etree._Element] = []
        if answer.sign in ("assertion", "both"):
            signed += response.findall(saml("Assertion"))
        if answer.sign in ("response", "both"):
            signed.append(response)  # last, since it covers the assertion's signature
        for element in signed:
            sign_element(
                element,
                answer.key or self.key,
                signature_algorithm=answer.signature_algorithm,
                digest_algorithm=answer.digest_algorithm,
                c14n_algorithm=answer.c14n_algorithm,
                transforms=answer.transforms,
                reference_uri=answer.reference_uri,
                key_info=answer.key_info,
                inclusive_prefixes=answer.inclusive_prefixes,
                hmac_secret=answer.hmac_secret,
                edit_signed_info=answer.edit_signed_info,
            )
        if answer.edit_after_signing is not None:
            answer.edit_after_signing(response)
        return etree.tostring(response, xml_declaration=True, encoding="UTF-8")

    def respond(
        self, request: ReceivedRequest, *, name_id: str | Omit = "alice@acme.example", **lies: Any
    ) -> str:
        """`answer` as the value of the SAMLResponse form field."""
        return form_value(self.answer(request, name_id=name_id, **lies))

    def unsolicited(
        self,
        *,
        acs_url: str,
        audience: str,
        name_id: str | Omit = "alice@acme.example",
        **lies: Any,
    ) -> bytes:
        """A Response that nobody asked for (a tile on the IdP's dashboard): no InResponseTo."""
        nothing = ReceivedRequest(id="", issuer=audience, acs_url=acs_url)
        lies = {"in_response_to": OMIT, "confirmation_in_response_to": OMIT} | lies
        return self.answer(nothing, name_id=name_id, **lies)

    def metadata(self) -> str:
        """The EntityDescriptor that an administrator would import."""
        entity = etree.Element(f"{{{MD}}}EntityDescriptor", nsmap={"md": MD, "ds": DS})
        entity.set("entityID", self.entity_id)
        role = _add(entity, f"{{{MD}}}IDPSSODescriptor", protocolSupportEnumeration=SAMLP)
        for key in self.published:
            descriptor = _add(role, f"{{{MD}}}KeyDescriptor", use="signing")
            x509_data = _add(_add(descriptor, ds("KeyInfo")), ds("X509Data"))
            _add(x509_data, ds("X509Certificate"), bare(key.pem))
        _add(role, f"{{{MD}}}NameIDFormat", EMAIL)
        for binding in ("HTTP-Redirect", "HTTP-POST"):
            service = f"{{{MD}}}SingleSignOnService"
            _add(role, service, Binding=BINDINGS + binding, Location=self.sso_url)
        return etree.tostring(entity, encoding="unicode")

    def _response(self, request: ReceivedRequest, answer: Answer) -> etree._Element:
        now = datetime.now(UTC)
        response = etree.Element(samlp("Response"), nsmap={"samlp": SAMLP, "saml": SAML})
        _set(
            response,
            ID=_or(answer.response_id, new_id()),
            Version=answer.version,
            IssueInstant=_or(answer.issue_instant, now),
            Destination=_or(answer.destination, request.acs_url),
            InResponseTo=_or(answer.in_response_to, request.id),
        )
        issuer = _or(answer.response_issuer, self.entity_id)
        if issuer is not OMIT:
            _add(response, saml("Issuer"), issuer)
        if answer.status is not OMIT:
            status = _add(response, samlp("Status"))
            code = _add(status, samlp("StatusCode"), Value=answer.status)
            if answer.sub_status is not None:
                _add(code, samlp("StatusCode"), Value=answer.sub_status)
            if answer.status_message is not None:
                _add(status, samlp("StatusMessage"), answer.status_message)
        count = int(answer.status == SUCCESS) if answer.assertions is None else answer.assertions
        for _ in range(count):
            self._add_assertion(response, request, answer, now)
        return response

    def _add_assertion(
        self, response: etree._Element, request: ReceivedRequest, answer: Answer, now: datetime
    ) -> None:
        assertion = _add(
            response,
            saml("Assertion"),
            ID=_or(answer.assertion_id, new_id()),
            Version=answer.assertion_version,
            IssueInstant=_or(answer.assertion_issue_instant, now),
        )
        issuer = _or(answer.assertion_issuer, self.entity_id)
        if issuer is not OMIT:
            _add(assertion, saml("Issuer"), issuer)

        subject = _add(assertion, saml("Subject"))
        if answer.name_id is not OMIT:
            _add(
                subject,
                saml("NameID"),
                answer.name_id,
                Format=_or(answer.name_id_format, request.name_id_format or EMAIL),
                NameQualifier=answer.name_qualifier,
                SPNameQualifier=answer.sp_name_qualifier,
            )
        if answer.confirmation_method is not OMIT:
            _add(
                _add(subject, saml("SubjectConfirmation"), Method=answer.confirmation_method),
                saml("SubjectConfirmationData"),
                InResponseTo=_or(answer.confirmation_in_response_to, request.id),
                NotBefore=answer.confirmation_not_before,
                NotOnOrAfter=_or(answer.confirmation_not_on_or_after, now + timedelta(seconds=300)),
                Recipient=_or(answer.recipient, request.acs_url),
            )

        conditions = _add(
            assertion,
            saml("Conditions"),
            NotBefore=_or(answer.not_before, now - timedelta(seconds=5)),
            NotOnOrAfter=_or(answer.not_on_or_after, now + timedelta(seconds=300)),
        )
        audience = request.issuer if answer.audience is None else answer.audience
        if audience is not OMIT:
            restriction = _add(conditions, saml("AudienceRestriction"))
            for each in [audience] if isinstance(audience, str) else audience:
                _add(restriction, saml("Audience"), each)

        if answer.authn_statement:
            statement = _add(
                assertion,
                saml("AuthnStatement"),
                AuthnInstant=_or(answer.authn_instant, now),
                SessionIndex=_or(answer.session_index, new_id()),
                SessionNotOnOrAfter=answer.session_not_on_or_after,
            )
            _add(
                _add(statement, saml("AuthnContext")),
                saml("AuthnContextClassRef"),
                PROTECTED_TRANSPORT,
            )
        if answer.attributes:
            self._add_attributes(assertion, answer)

    def _add_attributes(self, assertion: etree._Element, answer: Answer) -> None:
        statement = _add(assertion, saml("AttributeStatement"))
        for name, values in answer.attributes.items():
            attribute = _add(statement, saml("Attribute"), Name=name)
            for value in values:
                nsmap = {"xs": XS, "xsi": XSI} if answer.attribute_type is not OMIT else None
                written = etree.SubElement(attribute, saml("AttributeValue"), nsmap=nsmap)
                written.text = value
                if answer.attribute_type is not OMIT:
                    written.set(f"{{{XSI}}}type", answer.attribute_type)


@overload
def _or(lie: Text, truth: Text) -> Text: ...
@overload
def _or(lie: Time, truth: Time) -> Time: ...
def _or(lie: Time, truth: Time) -> Time:
    return truth if lie is None else lie
