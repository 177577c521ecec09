"""A few thousand mutants in the ordinary suite, and proof that the fuzzer would notice a bad reader."""

from collections.abc import Callable, Sequence
from typing import Final

import pytest
from lxml import etree
from signxml.exceptions import SignXMLException
from signxml.verifier import SignatureConfiguration, XMLVerifier

from sso_connectors.certificates.parsing import SigningCertificate
from sso_connectors.protocols.saml2 import response
from sso_connectors.protocols.saml2.signature import SAML, SignatureError, Verified

from .fuzz import Verdict, make_mutant, run
from .octets import FIELD, OCTETS
from .scene import SIGNING, scene
from .trees import TREE

SEED: Final = 20250101
MUTANTS: Final = 3_000
CONTROLS: Final = 1_000

Trusted = Sequence[SigningCertificate]
Reader = Callable[[etree._Element, Trusted], Verified]


@pytest.mark.row(1)
@pytest.mark.row(5)
@pytest.mark.row(13)
@pytest.mark.row(14)
def test_no_mutant_lets_anybody_else_in() -> None:
    tally = run(SEED, range(MUTANTS))
    assert [(fault.mutant, fault.reason) for fault in tally.faults] == []
    assert tally.verdicts.total() == MUTANTS
    # It would prove nothing if all were broken before anybody looks at their signature.
    assert tally.verdicts[Verdict.REFUSED] > MUTANTS / 2
    assert tally.verdicts[Verdict.UNCHANGED] > 50
    kinds = {kind for kind, _ in tally.kinds}
    assert kinds == {each.__name__ for each in (*TREE, *OCTETS, *FIELD)}


def test_mutants_can_be_made_again() -> None:
    first, again = ([make_mutant(scene(), SEED, index) for index in range(100)] for _ in range(2))
    assert first == again
    assert len({each.field for each in first}) > 95


def test_scene_has_every_way_of_signing() -> None:
    for sign in SIGNING:
        assert [each for each in scene().honest if f"sign={sign}" in each.label]


def _any_signature(root: etree._Element, trusted: Trusted) -> Verified:
    """Some signature in there is valid, and the first assertion is read."""
    assertion = root.find(f".//{SAML}Assertion")
    for certificate in trusted:
        try:
            XMLVerifier().verify(
                root,
                x509_cert=certificate.certificate,
                id_attribute="ID",
                expect_config=SignatureConfiguration(location=".//", expect_references=True),
                validate_schema=False,
            )
        except (SignXMLException, ValueError, TypeError, etree.LxmlError):
            continue
        if assertion is not None:
            return Verified(assertion, None, certificate)
    raise SignatureError("No signature is valid.")


def _no_mathematics(root: etree._Element, trusted: Trusted) -> Verified:
    """Nobody looks at the signature."""
    assertion = root.find(f"{SAML}Assertion")
    if assertion is None:
        raise SignatureError("There is no assertion.")
    return Verified(assertion, None, trusted[0])


@pytest.mark.row(1)
@pytest.mark.parametrize("careless", [_any_signature, _no_mathematics])
def test_careless_readers_are_noticed(careless: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    scene()  # before: only mutants are read carelessly
    monkeypatch.setattr(response, "verified", careless)
    tally = run(SEED, range(CONTROLS))
    wrong = [fault for fault in tally.faults if "WrongPersonError" in fault.reason]
    assert len(wrong) > 3
    assert {kind for fault in wrong for kind in fault.kinds} & {"twin", "change_name"}
