"""Why a signature on a SAML response doesn't count, and which certificate belongs where."""

import re
from typing import Final

from django.utils.translation import gettext_lazy as _

from .sentences import Finding, Topic, Turn

OTHER_CERTIFICATE: Final = Finding(
    Turn.ADMINISTRATOR,
    _(
        "The response shows the certificate %(shown)s, and the connector trusts "
        "%(trusted)s. The identity provider probably has a new certificate."
    ),
    _(
        "Get the certificate from the customer's IT. If its SHA-256 fingerprint is the "
        "first one, paste it into the connector's Certificate, below the old one."
    ),
    Topic.CERTIFICATE,
    _(
        "Get “%(field)s” of %(idp)s from the customer's IT. If its SHA-256 fingerprint "
        "is the first one, paste it into the connector's Certificate, below the old one."
    ),
)
NO_CERTIFICATE_SHOWN: Final = Finding(
    Turn.ADMINISTRATOR,
    _(
        "The connector's certificates (%(trusted)s) don't verify the signature, and the "
        "response doesn't show which one would."
    ),
    _(
        "Ask the customer's IT for the current signing certificate, and paste it into "
        "the connector's Certificate, below the old one."
    ),
    Topic.CERTIFICATE,
    _(
        "Ask the customer's IT for the current “%(field)s” of %(idp)s, and paste it into "
        "the connector's Certificate, below the old one."
    ),
)
CHANGED_ON_THE_WAY: Final = Finding(
    Turn.IT_PERSON,
    _(
        "The response shows the connector's own certificate %(shown)s, but the signature "
        "doesn't match: the signed content was changed afterwards, or signed with "
        "another key."
    ),
    _(
        "The person tries again. If it keeps failing, the customer's IT checks what is "
        "between the identity provider and us, such as a proxy that rewrites pages."
    ),
)
UNSIGNED: Final = Finding(
    Turn.IT_PERSON,
    _("The response isn't signed, so anyone could have written it."),
    _("Configure the identity provider to sign the response or the assertion. Either is fine."),
    Topic.SIGNING,
    _("In %(idp)s, set “%(field)s” so that the response or the assertion is signed."),
)
ENCRYPTED: Final = Finding(
    Turn.IT_PERSON,
    _("The response is encrypted. Encrypted responses are not supported."),
    _("At the identity provider, switch off assertion encryption. The connection uses https."),
    Topic.ENCRYPTION,
    _("In %(idp)s, switch off encryption (“%(field)s”). The connection uses https."),
)
ALGORITHM: Final = Finding(
    Turn.IT_PERSON,
    _("The response is signed with a method that is no longer safe, or not supported: %(method)s."),
    _("At the identity provider, choose RSA or ECDSA with SHA-256."),
    Topic.ALGORITHM,
    _("In %(idp)s, set “%(field)s” to RSA with SHA-256."),
)
CANONICAL: Final = Finding(
    Turn.IT_PERSON,
    _("The signature is made in a way that is not accepted. See Checks."),
    _("At the identity provider, choose exclusive canonicalization (exc-c14n) without comments."),
)
SHORT_KEY: Final = Finding(
    Turn.IT_PERSON,
    _("The key of the connector's certificate %(trusted)s is too short to be safe."),
    _(
        "At the identity provider, create a certificate of 2048 bits or more. The "
        "administrator pastes it into the connector's Certificate."
    ),
)
NOTHING_TRUSTED: Final = Finding(
    Turn.ADMINISTRATOR,
    _("The connector has no certificate, so no signature can be verified."),
    _("Paste the identity provider's signing certificate into the connector's Certificate."),
)
SHAPE: Final = Finding(
    Turn.IT_PERSON,
    _("The structure looks like a forged response. See Checks."),
    _(
        "The person tries again. If it keeps failing, the customer's IT asks the vendor. "
        "If it doesn't happen again, tell your security team."
    ),
)
# Identity providers that write IDs in their own way are no forgers, so these have sentences of their own.
UNUSUAL_ID: Final = Finding(
    Turn.PROVIDER,
    _(
        "The ID of the response or the assertion is “%(id)s”, which is not accepted. "
        "Accepted: %(accepted)s."
    ),
    _(
        "There is no setting for this here. The customer's IT looks for a setting for "
        "the ID at the identity provider, or asks its vendor."
    ),
)
NO_ID: Final = Finding(
    Turn.PROVIDER,
    _("The response or the assertion has no ID, which SAML requires."),
    _("There is no setting for this here. Ask the identity provider's vendor."),
)
SAME_ID: Final = Finding(
    Turn.PROVIDER,
    _("Two parts of the response have the same ID. Each needs its own."),
    _("There is no setting for this here. Ask the identity provider's vendor."),
)
ID_ELSEWHERE: Final = Finding(
    Turn.PROVIDER,
    _(
        "The response has an ID attribute (%(attribute)s on %(element)s) where none is "
        "accepted. Only the response, the assertion and their signatures can have one."
    ),
    _(
        "The customer's IT looks for a setting that leaves it out, or asks the identity "
        "provider's vendor."
    ),
)
# Of attempts that an earlier version has kept.
ID_NOT_ACCEPTED_THEN: Final = Finding(
    Turn.AGENT,
    _(
        "An earlier version of this product didn't accept an ID in the response. This "
        "version accepts more IDs."
    ),
    _("The person signs in again."),
)
ENDED_CERTIFICATE: Final = Finding(
    Turn.IT_PERSON,
    _("The signature is valid, but its certificate expired on %(date)s."),
    _(
        "Sign-ins still work here. The customer's IT creates a new certificate, and the "
        "administrator pastes it into the connector's Certificate, below the old one."
    ),
)
EARLY_CERTIFICATE: Final = Finding(
    Turn.OPERATOR,
    _("The signature is valid, but its certificate is not valid until %(date)s."),
    _("Sign-ins still work here. The operator checks that our server's clock is correct."),
)

_SHOWN = re.compile(r"^(?P<reason>.*?)\s*The message shows: (?P<shown>.*?)\.?$", re.DOTALL).search
_PRINT: Final = re.compile(r"(?:[0-9A-F]{2}:){31}[0-9A-F]{2}")
_METHOD = re.compile(r"algorithm (\S*) is not accepted").search
_ID = re.compile(
    r"The ID of the \w+ is “(?P<id>.*)”; accepted are (?P<accepted>.*)\.$", re.DOTALL
).match
_ID_ELSEWHERE = re.compile(
    r"There is an attribute (?P<attribute>\S+) on (?P<element>\S+), where"
).match


def signature_finding(expected: str, received: str) -> Finding:
    """Why no signature counts: SignatureError's sentence, and the fingerprint that the message shows."""
    found = _SHOWN(received)
    reason, shown = (found["reason"], found["shown"]) if found else (received, "")
    trusted = _PRINT.findall(expected)
    method = _METHOD(reason)
    if method:
        return ALGORITHM.naming(method=method[1])
    for look, finding in ((_ID, UNUSUAL_ID), (_ID_ELSEWHERE, ID_ELSEWHERE)):
        read = look(reason)
        if read:
            return finding.naming(**read.groupdict())
    for part, finding in (
        ("has no proper ID", ID_NOT_ACCEPTED_THEN),
        ("an ID attribute where none belongs", ID_NOT_ACCEPTED_THEN),
        ("has no ID", NO_ID),
        ("has the same ID", SAME_ID),
        ("have the same ID", SAME_ID),
        ("encrypted", ENCRYPTED),
        ("Neither the response nor the assertion is signed", UNSIGNED),
        ("No certificate is known", NOTHING_TRUSTED),
        ("is too short to be believed", SHORT_KEY),
        ("anonicalization", CANONICAL),
        ("transforms must be", CANONICAL),
    ):
        if part in reason:
            return finding.naming(trusted=_prints(trusted))
    if "is not valid for" not in reason:
        return SHAPE
    if not _PRINT.fullmatch(shown):
        return NO_CERTIFICATE_SHOWN.naming(trusted=_prints(trusted))
    finding = CHANGED_ON_THE_WAY if shown in trusted else OTHER_CERTIFICATE
    return finding.naming(shown=_print(shown), trusted=_prints(trusted))


def _print(fingerprint: str) -> str:
    """Its beginning: enough to see which it is; to compare it whole, it stands among the checks."""
    return f"{fingerprint[:23]}…"


def _prints(fingerprints: list[str]) -> str:
    return ", ".join(map(_print, fingerprints)) or "–"


_DATED = re.compile(r", a certificate that (ended|begins) on (\S+)$").search


def certificate_note(received: str) -> Finding | None:
    """What is to be said of a signature that is right, by a certificate whose time it isn't."""
    dated = _DATED(received)
    if dated is None:
        return None
    finding = ENDED_CERTIFICATE if dated[1] == "ended" else EARLY_CERTIFICATE
    return finding.naming(date=dated[2])
