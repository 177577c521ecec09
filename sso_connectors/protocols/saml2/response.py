"""Reading an answer: what a Response must say (saml-core-2.0, saml-profiles-2.0 section 4.1.4).

All checks are made and kept, so that the administrator sees everything that is wrong at once. When
the signature fails they are made on what was sent, marked as not verified, and the answer is refused.
"""

import base64
import binascii
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, Final

from django.utils import timezone
from lxml import etree

from ... import addresses
from ...certificates.parsing import SigningCertificate
from ...metrics import VERIFICATION
from ...models import COMPLETE, Connector, ConnectorType, IdentifierFormat
from ...models.pending_login import PendingLogin
from ...network import safe_xml
from ...results.checks import Checks, kept_claims
from ...results.errors import BadMessage, IdentityProviderError, ResponseRefused
from ...results.identity import Identity
from ..base import Answer
from .signature import SAML, SAMLP, SignatureError, claimed_fingerprint, verified
from .statements import (
    attributes_of,
    check_permanent_id,
    instant,
    name_id_of,
    subject_of,
    text_of,
    username_of,
)

MAX_BYTES: Final = 256 * 1024
SKEW: Final = timedelta(seconds=120)
_SUCCESS: Final = "urn:oasis:names:tc:SAML:2.0:status:Success"
_BEARER: Final = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
_KNOWN_CONDITIONS: Final = {
    f"{SAML}AudienceRestriction",
    f"{SAML}OneTimeUse",
    f"{SAML}ProxyRestriction",
}
# An IdP of many connectors shows few keys; more connectors, or keys, than these are not tried.
_MAX_CANDIDATES: Final = 50


class SamlAnswer(Answer):
    def __init__(self, encoded: str) -> None:
        """Parse a SAMLResponse field; raises BadMessage."""
        compact = "".join(encoded.split())
        if len(compact) > MAX_BYTES * 4 // 3 + 4:
            raise BadMessage(f"The response is larger than {MAX_BYTES} bytes.")
        try:
            document = base64.b64decode(compact, validate=True)
        except (binascii.Error, ValueError) as error:
            raise BadMessage("The response is not base64 text.") from error
        try:
            self._root = safe_xml.parse(document, max_bytes=MAX_BYTES)
        except safe_xml.UnsafeXml as error:
            raise BadMessage(f"The response was not read. {error}") from error
        if self._root.tag != f"{SAMLP}Response":
            raise BadMessage("The message is not a SAML 2.0 Response.")

    def find_pending(self) -> PendingLogin | None:
        request_id = self._root.get("InResponseTo")
        pending = PendingLogin.find(request_id) if request_id else None
        if pending is None or pending.connector.type != ConnectorType.SAML2:
            return None
        return pending

    def meant_for(self) -> list[Connector]:
        issuer = text_of(self._root.find(f"{SAML}Assertion/{SAML}Issuer"))
        candidates = Connector.objects.filter(COMPLETE, enabled=True, issuer_url=issuer)
        trusting: dict[str, list[Connector]] = {}
        keys: dict[str, SigningCertificate] = {}
        for connector in candidates[:_MAX_CANDIDATES]:
            for certificate in connector.signing_certificates:
                keys[certificate.fingerprint] = certificate
                trusting.setdefault(certificate.fingerprint, []).append(connector)
        try:
            certificate = verified(self._root, list(keys.values())[:_MAX_CANDIDATES]).certificate
        except SignatureError as error:
            raise ResponseRefused(
                f"It answers no login under way, and no connector vouches for it: {error}"
            ) from error
        return trusting[certificate.fingerprint]

    def examine(self, pending: PendingLogin, checks: Checks) -> dict[str, Any]:
        with VERIFICATION.time():
            return asdict(self.complete(pending, checks))

    def complete(self, pending: PendingLogin, checks: Checks) -> Identity:
        """Return what the response proves. Raises ResponseRefused or IdentityProviderError."""
        connector = pending.connector
        self._refuse_failure(checks)
        response, assertion = self._root, self._root.find(f"{SAML}Assertion")
        certificate = None
        signed_response = False
        try:
            found = verified(self._root, connector.signing_certificates)
        except SignatureError as error:
            checks.record(
                "signature",
                False,
                expected=" or ".join(item.fingerprint for item in connector.signing_certificates),
                received=f"{error} The message shows: {claimed_fingerprint(self._root)}.",
            )
        else:
            certificate, assertion = found.certificate, found.assertion
            signed_response = found.response is not None
            response = self._root if found.response is None else found.response
            _record_certificate(certificate, checks)
        if assertion is None:
            raise _refusal(checks)
        checks.verified = signed_response
        _check_response(response, pending, checks, signed=signed_response)
        checks.verified = certificate is not None
        _check_assertion(assertion, pending, checks)
        not_after = _check_authentication(assertion, pending, checks)
        name_id, name_id_format = name_id_of(assertion, checks)
        attributes = attributes_of(assertion)
        username = username_of(
            name_id, name_id_format, attributes, connector.username_attribute, checks
        )
        subject = subject_of(name_id, name_id_format, attributes, checks)
        asked = IdentifierFormat(connector.identifier_format)
        check_permanent_id(asked, connector.issuer_url, name_id_format, subject, checks)
        if certificate is None or checks.failed:
            raise _refusal(checks)
        return Identity(
            username=username,
            subject=subject,
            issuer=connector.issuer_url,
            key=certificate.fingerprint,
            not_after=not_after,
            claims=kept_claims({"NameID": [name_id], **attributes}) if pending.is_test else {},
        )

    def _refuse_failure(self, checks: Checks) -> None:
        """A failure needs no signature to be believed: whoever sends one only keeps themselves out."""
        codes = [
            code.get("Value", "")
            for code in self._root.iterfind(f"{SAMLP}Status//{SAMLP}StatusCode")
        ]
        succeeded = codes == [_SUCCESS]
        checks.record("status", succeeded, expected=_SUCCESS, received=" / ".join(codes))
        if not succeeded:
            message = text_of(self._root.find(f"{SAMLP}Status/{SAMLP}StatusMessage"))
            raise IdentityProviderError(f"{' / '.join(codes) or 'no status'} {message}".strip())


def _refusal(checks: Checks) -> ResponseRefused:
    return ResponseRefused(
        "; ".join(f"{item.name}: received {item.received}" for item in checks.failed)
    )


def _record_certificate(certificate: SigningCertificate, checks: Checks) -> None:
    checks.verified = True
    note = ""
    if certificate.is_expired:
        note = f", a certificate that ended on {certificate.valid_until:%Y-%m-%d}"
    elif certificate.is_not_yet_valid:
        note = f", a certificate that begins on {certificate.valid_from:%Y-%m-%d}"
    checks.record(
        "signature",
        True,
        expected="one of the connector's certificates",
        received=f"{certificate.fingerprint}{note}",
    )


def _check_response(
    response: etree._Element, pending: PendingLogin, checks: Checks, *, signed: bool
) -> None:
    _equal(checks, "response version", "2.0", response.get("Version"))
    _check_issued(checks, "response time", response.get("IssueInstant"), pending)
    _equal(checks, "response in response to", pending.request_id, response.get("InResponseTo"))
    destination = response.get("Destination")
    if signed or destination is not None:
        # A response made for another service provider must not be spent here.
        _equal(checks, "destination", addresses.reply_url(), destination)
    _check_response_issuer(response, pending.connector.issuer_url, checks, signed=signed)


def _check_response_issuer(
    response: etree._Element, expected: str, checks: Checks, *, signed: bool
) -> None:
    """It may be left out where only the assertion is signed (saml-profiles-2.0 section 4.1.4.2).

    A different one never passes: the answer was put together from those of two identity providers.
    """
    issuers = [text_of(issuer) for issuer in response.iterfind(f"{SAML}Issuer")]
    if not issuers and not signed:
        received = "none, and none is needed where only the assertion is signed"
        checks.record("response issuer", True, expected=expected, received=received)
        return
    others = [issuer for issuer in issuers if issuer != expected]
    _equal(checks, "response issuer", expected, (others or issuers or [""])[0])


def _check_assertion(assertion: etree._Element, pending: PendingLogin, checks: Checks) -> None:
    _equal(checks, "assertion version", "2.0", assertion.get("Version"))
    _check_issued(checks, "assertion time", assertion.get("IssueInstant"), pending)
    _equal(
        checks,
        "assertion issuer",
        pending.connector.issuer_url,
        text_of(assertion.find(f"{SAML}Issuer")),
    )
    _check_conditions(assertion, checks)
    _check_confirmation(assertion, pending, checks)


def _check_conditions(assertion: etree._Element, checks: Checks) -> None:
    conditions = assertion.findall(f"{SAML}Conditions")
    if len(conditions) != 1:
        checks.record("conditions", False, expected="one Conditions", received=len(conditions))
        return
    (found,) = conditions
    not_before = found.get("NotBefore")
    if not_before is not None:
        _check_not_before(checks, "conditions not before", not_before)
    _check_not_after(checks, "conditions not on or after", found.get("NotOnOrAfter"))
    audiences = [
        [text_of(audience) for audience in restriction.iterfind(f"{SAML}Audience")]
        for restriction in found.iterfind(f"{SAML}AudienceRestriction")
    ]
    checks.record(
        "audience",
        bool(audiences) and all(addresses.identity() in choice for choice in audiences),
        expected=addresses.identity(),
        received=", ".join(name for choice in audiences for name in choice) or "none",
    )
    unknown = [str(child.tag) for child in found if child.tag not in _KNOWN_CONDITIONS]
    if unknown:
        # saml-core-2.0 section 2.5.1: what can't be understood makes the assertion indeterminate.
        checks.record("conditions", False, expected="known conditions", received=", ".join(unknown))


def _check_confirmation(assertion: etree._Element, pending: PendingLogin, checks: Checks) -> None:
    """One bearer confirmation must hold; of several, the one with the fewest faults is shown."""
    trials = list(_confirmations(assertion, pending, verified=checks.verified))
    if not trials:
        checks.record("subject confirmation", False, expected=_BEARER, received="none")
        return
    checks.take(min(trials, key=lambda trial: len(trial.failed)))


def _confirmations(
    assertion: etree._Element, pending: PendingLogin, *, verified: bool
) -> Iterator[Checks]:
    subjects = assertion.findall(f"{SAML}Subject")
    if len(subjects) != 1:
        return
    for confirmation in subjects[0].iterfind(f"{SAML}SubjectConfirmation"):
        trial = Checks(verified=verified)
        _equal(trial, "subject confirmation", _BEARER, confirmation.get("Method"))
        data = confirmation.find(f"{SAML}SubjectConfirmationData")
        attributes: dict[str, str] = (
            {} if data is None else {str(k): str(v) for k, v in data.items()}
        )
        _equal(trial, "recipient", addresses.reply_url(), attributes.get("Recipient"))
        _equal(trial, "in response to", pending.request_id, attributes.get("InResponseTo"))
        _check_not_after(trial, "confirmation not on or after", attributes.get("NotOnOrAfter"))
        not_before = attributes.get("NotBefore")
        if not_before is not None:
            _check_not_before(trial, "confirmation not before", not_before)
        yield trial


def _check_authentication(
    assertion: etree._Element, pending: PendingLogin, checks: Checks
) -> datetime | None:
    """Check the AuthnStatements; return when the identity provider wants the session over, if it says."""
    statements = assertion.findall(f"{SAML}AuthnStatement")
    checks.record(
        "authentication statement",
        bool(statements),
        expected="at least one AuthnStatement",
        received=len(statements),
    )
    ends = []
    for statement in statements:
        written = statement.get("AuthnInstant")
        when = instant(written)
        fresh_since = pending.created_at - SKEW if pending.asks_again else None
        checks.record(
            "authentication time",
            when is not None
            and when <= timezone.now() + SKEW
            and (fresh_since is None or when >= fresh_since),
            expected=f"after {fresh_since:%Y-%m-%dT%H:%M:%SZ}, since the password was asked for again"
            if fresh_since
            else "not in the future",
            received=written or "none",
        )
        end = statement.get("SessionNotOnOrAfter")
        if end is not None:
            _check_not_after(checks, "session not on or after", end)
            ends.append(instant(end))
    return min((end for end in ends if end is not None), default=None)


def _equal(checks: Checks, name: str, expected: str, received: str | None) -> None:
    checks.record(name, received == expected, expected=expected, received=received or "none")


def _check_issued(checks: Checks, name: str, written: str | None, pending: PendingLogin) -> None:
    when = instant(written)
    checks.record(
        name,
        when is not None and pending.created_at - SKEW <= when <= timezone.now() + SKEW,
        expected=f"between our request and now ({timezone.now():%Y-%m-%dT%H:%M:%SZ})",
        received=written or "none",
    )


def _check_not_before(checks: Checks, name: str, written: str) -> None:
    when = instant(written)
    checks.record(
        name,
        when is not None and when <= timezone.now() + SKEW,
        expected=f"not after now ({timezone.now():%Y-%m-%dT%H:%M:%SZ})",
        received=written,
    )


def _check_not_after(checks: Checks, name: str, written: str | None) -> None:
    when = instant(written)
    checks.record(
        name,
        when is not None and when > timezone.now() - SKEW,
        expected=f"after now ({timezone.now():%Y-%m-%dT%H:%M:%SZ})",
        received=written or "none",
    )
