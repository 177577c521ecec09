"""What comes to the reply URL: which form is read, whose login it answers, whom it is meant for."""

import base64
import io
import json
from dataclasses import asdict
from typing import Any, Final

import pytest
import time_machine
from django.core.serializers.json import DjangoJSONEncoder
from django.http import HttpRequest
from django.test import RequestFactory
from django.test.client import encode_multipart
from django.utils import timezone

from sso_connectors import addresses
from sso_connectors.models import Connector
from sso_connectors.models.attempt import Attempt
from sso_connectors.models.pending_login import PendingLogin
from sso_connectors.protocols import PROTOCOLS
from sso_connectors.protocols.saml2.protocol import Saml2
from sso_connectors.protocols.saml2.response import MAX_BYTES, SamlAnswer
from sso_connectors.results.checks import Checks
from sso_connectors.results.errors import BadMessage, ResponseRefused
from sso_connectors.results.identity import Identity
from tests import idp as provider
from tests.agent import CALLBACK
from tests.conftest import ConnectorMaker
from tests.idp import OMIT, IdP, SigningKey, form_value

from .reading import asked, begun

FORM: Final = "application/x-www-form-urlencoded"
HONEST: Final = form_value(IdP().answer(asked(begun())))


def request(body: bytes | str = b"", content_type: str = FORM, **extra: Any) -> HttpRequest:
    return RequestFactory().post(CALLBACK, body, content_type=content_type, **extra)


def receive(body: bytes | str = b"", content_type: str = FORM, **extra: Any) -> SamlAnswer | None:
    return Saml2().receive(request(body, content_type, **extra))


def urlencoded(value: str) -> str:
    return "SAMLResponse=" + value.replace("+", "%2B").replace("=", "%3D")


# --- the form ----------------------------------------------------------------------------------


def test_registry() -> None:
    assert isinstance(PROTOCOLS["saml2"], Saml2)
    with pytest.raises(KeyError):
        PROTOCOLS["saml1"]


def test_form() -> None:
    assert isinstance(receive(urlencoded(HONEST)), SamlAnswer)
    parts = encode_multipart("limit", {"SAMLResponse": HONEST, "RelayState": "x"})
    assert isinstance(receive(parts, "multipart/form-data; boundary=limit"), SamlAnswer)
    assert isinstance(receive(urlencoded(HONEST) + "&RelayState=x&other=y"), SamlAnswer)
    assert isinstance(receive(urlencoded(HONEST), f"{FORM}; charset=utf-8"), SamlAnswer)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("", FORM),
        ("state=x&code=y", FORM),
        ("samlresponse=PHg+", FORM),
        (urlencoded(HONEST), "text/plain"),
        (urlencoded(HONEST), "application/json"),
        ('{"SAMLResponse": "PHg+"}', "application/json"),
        (urlencoded(HONEST), ""),
    ],
)
def test_what_is_no_saml_response(body: str, content_type: str) -> None:
    assert receive(body, content_type) is None


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT"])
def test_only_post_is_read(method: str) -> None:
    asking = RequestFactory().generic(method, f"/?{urlencoded(HONEST)}", urlencoded(HONEST), FORM)
    assert Saml2().receive(asking) is None


def test_query_is_not_the_form() -> None:
    asking = RequestFactory().post(f"/?{urlencoded(HONEST)}", "", content_type=FORM)
    assert Saml2().receive(asking) is None


@pytest.mark.row(5)
def test_several_responses() -> None:
    """Another reader could take the other one."""
    with pytest.raises(BadMessage, match="several"):
        receive(f"{urlencoded(HONEST)}&{urlencoded(HONEST)}")


@pytest.mark.row(29)
@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (urlencoded(HONEST), f"{FORM}; charset=utf-16"),
        (urlencoded(HONEST), f"{FORM}; charset=utf-7"),
        (b"--x\r\ncut off", "multipart/form-data; boundary="),
        (b"--x\r\ncut off", "multipart/form-data"),
        (b"x", "multipart/form-data; boundary=\xe9"),
        ("a=b&" * 2_000, FORM),
    ],
)
def test_form_that_is_broken(body: bytes | str, content_type: str) -> None:
    with pytest.raises(BadMessage, match="could not be read"):
        receive(body, content_type)


@pytest.mark.row(29)
@pytest.mark.parametrize("length", ["x", "9" * 5_000, "1e3"])
def test_length_that_is_no_number(length: str) -> None:
    with pytest.raises(BadMessage, match="could not be read"):
        receive(urlencoded(HONEST), CONTENT_LENGTH=length)


@pytest.mark.row(29)
def test_long_form_is_refused_by_its_announced_length() -> None:
    """Before a byte of it is read."""

    class Unread(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise AssertionError("it was read")

    long = request(urlencoded(HONEST), CONTENT_LENGTH=str(2 * MAX_BYTES + 1))
    long._stream = Unread()
    with pytest.raises(BadMessage, match="larger than"):
        Saml2().receive(long)


@pytest.mark.row(38)
def test_form_that_breaks_off() -> None:
    class BrokenOff(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError("the browser went away")

    broken = request(urlencoded(HONEST))
    broken._stream = BrokenOff()
    with pytest.raises(BadMessage, match="could not be read"):
        Saml2().receive(broken)


@pytest.mark.row(29)
@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("%21", "not base64"),
        ("%C3%A9", "not base64"),
        ("AAAAA", "not base64"),
        ("", "not well-formed"),
        ("A" * (MAX_BYTES * 4 // 3 + 8), "larger than"),
        (base64.b64encode(b"<html/>").decode().replace("=", "%3D"), "not a SAML 2.0 Response"),
    ],
)
def test_value_that_is_no_response(value: str, why: str) -> None:
    with pytest.raises(BadMessage, match=why):
        receive(f"SAMLResponse={value}")


def test_largest_response_is_read() -> None:
    """What base64 adds is no part of the limit."""
    xml = base64.b64decode(HONEST)
    SamlAnswer(base64.encodebytes(xml.ljust(MAX_BYTES)).decode())
    with pytest.raises(BadMessage, match="at most 262144 are read"):
        SamlAnswer(base64.b64encode(xml.ljust(MAX_BYTES + 1)).decode())


# --- the login that it answers -------------------------------------------------------------------


def begin(connector: Connector) -> PendingLogin:
    attempt = Attempt.objects.create(connector=connector)
    pending = PendingLogin.prepare(browser="browser", connector=connector, attempt=attempt)
    pending.save()
    return pending


def answer_to(pending: PendingLogin, **lies: Any) -> SamlAnswer:
    return SamlAnswer(IdP().respond(asked(pending), **lies))


def test_pending_login_is_found(connector: Connector) -> None:
    pending = begin(connector)
    assert answer_to(pending).find_pending() == pending


@pytest.mark.parametrize("named", ["_other", "", OMIT, "_x" * 5_000, "' OR 1=1 --", "\U0001f600"])
def test_pending_login_that_is_not_there(connector: Connector, named: Any) -> None:
    assert answer_to(begin(connector), in_response_to=named).find_pending() is None


def test_pending_login_that_is_over(connector: Connector) -> None:
    pending = begin(connector)
    answer = answer_to(pending)
    with time_machine.travel(pending.expires_at):
        assert answer.find_pending() is None


@pytest.mark.row(14)
def test_pending_login_of_another_protocol(make_connector: ConnectorMaker) -> None:
    other = make_connector(type="oauth2", enabled=False, authentication_method="oidc")
    assert answer_to(begin(other)).find_pending() is None


# --- answers to nothing ----------------------------------------------------------------------------


@pytest.fixture
def tile() -> SamlAnswer:
    """What a tile on the identity provider's dashboard sends."""
    return unsolicited(IdP())


def unsolicited(idp: IdP, **lies: Any) -> SamlAnswer:
    xml = idp.unsolicited(acs_url=addresses.reply_url(), audience=addresses.identity(), **lies)
    return SamlAnswer(form_value(xml))


@pytest.mark.row(24)
def test_meant_for_every_connector_of_the_key(
    make_connector: ConnectorMaker, tile: SamlAnswer
) -> None:
    """As one identity provider with a connector for each department."""
    expected = [make_connector("a"), make_connector("b")]
    make_connector("other-key", certificates=provider.other_key().pem)
    make_connector("other-issuer", issuer_url="https://other.example")
    make_connector("disabled", enabled=False)
    make_connector("draft", enabled=False, endpoint="")
    assert tile.meant_for() == expected


@pytest.mark.row(24)
@pytest.mark.parametrize("sign", ["assertion", "response", "both"])
def test_meant_for_during_a_roll_over(make_connector: ConnectorMaker, sign: Any) -> None:
    old, new = provider.other_key(), provider.default_key()
    rolling = make_connector("rolling", certificates=old.pem + new.pem)
    make_connector("late", certificates=old.pem)
    assert unsolicited(IdP(key=new), sign=sign).meant_for() == [rolling]


@pytest.mark.row(24)
@pytest.mark.parametrize(
    "lies",
    [
        {"key": provider.other_key()},
        {"sign": "none"},
        {"assertion_issuer": "https://other.example"},
        {"assertion_issuer": OMIT},
        {"assertions": 0},
    ],
)
def test_meant_for_nobody(make_connector: ConnectorMaker, lies: dict[str, Any]) -> None:
    make_connector()
    with pytest.raises(ResponseRefused, match="no connector vouches for it"):
        unsolicited(IdP(), **lies).meant_for()


@pytest.mark.row(24)
def test_meant_for_no_connector_at_all(db: None, tile: SamlAnswer) -> None:
    with pytest.raises(ResponseRefused, match="No certificate is known"):
        tile.meant_for()


@pytest.mark.row(29)
def test_meant_for_tries_few_keys(make_connector: ConnectorMaker) -> None:
    """Each costs a verification, and everybody may send such an answer."""
    keys = [SigningKey.ec() for _ in range(60)]
    for number in range(6):
        chosen = keys[10 * number : 10 * number + 10]
        make_connector(f"c{number}", certificates="".join(key.pem for key in chosen))
    assert unsolicited(IdP(key=keys[49])).meant_for()
    with pytest.raises(ResponseRefused):
        unsolicited(IdP(key=keys[50])).meant_for()


@pytest.mark.row(29)
def test_meant_for_looks_at_few_connectors(
    make_connector: ConnectorMaker, tile: SamlAnswer
) -> None:
    make_connector()
    fields = Connector.objects.values().get()
    del fields["id"], fields["reference"]
    Connector.objects.bulk_create(Connector(reference=f"c{n}", **fields) for n in range(60))
    assert len(tile.meant_for()) == 50


# --- trust, checked again ----------------------------------------------------------------------------


@pytest.mark.row(16)
def test_trust_is_looked_at_again_at_the_end() -> None:
    pending = begun(provider.default_key(), provider.ec_key())
    connector = pending.connector
    proved = Identity(
        username="alice@acme.example",
        subject="",
        issuer=connector.issuer_url,
        key=provider.ec_key().fingerprint,
        not_after=timezone.now().replace(microsecond=0),
    )
    kept = json.loads(json.dumps(asdict(proved), cls=DjangoJSONEncoder))
    pending.answer = {"kept": kept, "checks": []}

    def refuses() -> bool:
        with pytest.raises(ResponseRefused, match="no longer trusts"):
            Saml2().conclude(pending, Checks())
        return True

    assert Saml2().conclude(pending, Checks()) == proved
    connector.certificates = provider.default_key().pem
    assert refuses()
    connector.certificates = ""
    assert refuses()
    connector.certificates = provider.ec_key().pem
    assert Saml2().conclude(pending, Checks()) == proved
    connector.issuer_url = "https://other.example"
    assert refuses()
