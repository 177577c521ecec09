"""A form that another site made the browser post, read or refused, and never a fault."""

import io

import pytest
from django.test import RequestFactory

from sso_connectors.protocols.forms import MAX_FORM_BYTES, posted
from sso_connectors.results.errors import BadMessage

FORM = "application/x-www-form-urlencoded"
PARTS = "multipart/form-data; boundary=x"

pytestmark = pytest.mark.row(29)


class Gone(io.BytesIO):
    """A connection that ends in the middle of the body."""

    def read(self, *_args: object) -> bytes:
        raise OSError("gone")

    readline = read


def test_a_form(rf: RequestFactory) -> None:
    form = posted(rf.post("/", "state=a&state=b&code=%ff", content_type=FORM))

    assert form.getlist("state") == ["a", "b"]
    assert form["code"] == "\ufffd"
    assert posted(rf.post("/", {"state": "a"}))["state"] == "a"
    made_up = rf.generic("POST", "/", b"state=a", content_type=f"{FORM}; charset=made-up")
    assert posted(made_up)["state"] == "a"
    assert not posted(rf.post("/", b"{}", content_type="application/json"))


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"a" * (MAX_FORM_BYTES + 1), FORM),
        ("&".join(f"a{number}=" for number in range(2000)).encode(), FORM),
        (b"--x\r\nnonsense", "multipart/form-data"),
        (b"--x\r\nnonsense", "multipart/form-data; boundary=\xc3\xa9"),
        (b"a=b", f"{FORM}; charset=utf-16"),
    ],
)
def test_form_that_is_refused(rf: RequestFactory, body: bytes, content_type: str) -> None:
    with pytest.raises(BadMessage):
        posted(rf.generic("POST", "/", body, content_type=content_type))


def test_size_is_looked_at_before_anything_is_read(rf: RequestFactory) -> None:
    request = rf.post("/", b"", content_type=FORM)
    request.META["CONTENT_LENGTH"] = str(MAX_FORM_BYTES + 1)
    request._stream = Gone()

    with pytest.raises(BadMessage, match="larger than"):
        posted(request)


@pytest.mark.row(38)
@pytest.mark.parametrize("content_type", [FORM, PARTS])
def test_form_that_breaks_off(rf: RequestFactory, content_type: str) -> None:
    request = rf.post("/", b"state=a", content_type=content_type)
    request._stream = Gone()

    with pytest.raises(BadMessage, match="could not be read"):
        posted(request)


def test_size_that_is_no_number(rf: RequestFactory) -> None:
    request = rf.post("/", b"state=a", content_type=FORM)
    request.META["CONTENT_LENGTH"] = "many"

    with pytest.raises(BadMessage):
        posted(request)
