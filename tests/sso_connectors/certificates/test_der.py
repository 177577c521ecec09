"""The little DER that we read ourselves: whole elements, bounded, and nothing else."""

import pytest

from sso_connectors.certificates import der

pytestmark = pytest.mark.row(29)


def test_elements_side_by_side() -> None:
    data = b"\x02\x01\x05" + b"\x30\x81\x80" + b"x" * 128
    one, other = der.read_elements(data)
    assert (one.tag, one.content, one.whole) == (0x02, b"\x05", b"\x02\x01\x05")
    assert (other.tag, other.content) == (0x30, b"x" * 128)


@pytest.mark.parametrize(
    "data",
    [
        b"\x30",
        b"\x30\x02x",
        b"\x30\x80\0\0",
        b"\x30\x85\0\0\0\0\1x",
        b"\x30\x82\1",
        b"\x3f\x01\0",
    ],
)
def test_what_is_cut_or_not_der(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"cut|none|tag"):
        der.read_elements(data)
    assert not der.is_sequence(data)
    assert not der.is_pkcs12(data)
    for reads in (der.as_version_3, der.certificates_of_pkcs7):
        with pytest.raises(ValueError, match=r"cut|none|tag|no certificate|no PKCS|version"):
            reads(data)


def test_elements_without_number() -> None:
    """A megabyte of empty ones is half a million objects."""
    assert len(der.read_elements(b"\5\0" * 1_000)) == 1_000
    with pytest.raises(ValueError, match="too many"):
        der.read_elements(b"\5\0" * 1_001)


@pytest.mark.parametrize("data", [b"", b"\5\0", b"\x30\0", b"\x30\4\5\0\5\0"])
def test_what_is_none_of_the_three(data: bytes) -> None:
    assert not der.is_pkcs12(data)
    for reads in (der.as_version_3, der.certificates_of_pkcs7):
        with pytest.raises(ValueError, match=r"cut|none|tag|no certificate|no PKCS|version"):
            reads(data)
