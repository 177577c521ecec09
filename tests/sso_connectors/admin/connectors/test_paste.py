"""*Paste anything* on the connector's form: what is read, shown, taken over, fetched and refused."""

import json
import re
import threading
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from html import unescape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from jwt.algorithms import RSAAlgorithm

from sso_connectors.admin.connectors.paste_result import MAX_FILE
from sso_connectors.models import Connector
from sso_connectors.network import http_client
from sso_connectors.reader.idp_words import IDPS
from tests.conftest import StaffMaker
from tests.idp import IdP, other_key
from tests.sso_connectors import published

from .test_model_admin import ADD, CHANGE, LIST, VIEW, errors, form

pytestmark = pytest.mark.django_db

READ = f"{LIST}read-paste/"
Serve = Callable[..., str]


def read(client: Client, text: str, **fields: str) -> str:
    """The piece of the page that maker.js gets."""
    response = client.post(READ, {"_read": "box", "paste": text, **fields})
    assert response.status_code == 200
    return unescape(response.content.decode())


def values(page: str) -> dict[str, str]:
    """What waits in the page to be taken over."""
    found = re.findall(r'<input type="hidden"\s+name="read_(\w+)"\s+value="([^"]*)"', page)
    return {name: unescape(value) for name, value in found}


def refusal(page: str) -> str:
    """The one thing that is wrong with the box."""
    assert values(page) == {}
    (sentence,) = re.findall(r'<ul class="errorlist"[^>]*>\s*<li>(.*?)</li>', page, re.DOTALL)
    return str(sentence)


def box(response: Any) -> str:
    """What stands in the box of the whole page."""
    page = response.content.decode()
    (text,) = re.findall(r'<textarea id="id_paste"[^>]*>(.*?)</textarea>', page, re.DOTALL)
    return unescape(text)


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serve one answer on loopback, and return its address."""
    servers: list[ThreadingHTTPServer] = []

    def start(
        body: str | bytes = "",
        *,
        status: int = 200,
        location: str = "",
        wait: float = 0,
        path: str = "/idp/metadata.xml",
        discovery_slash: str | None = None,
    ) -> str:
        answer = body.encode() if isinstance(body, str) else body

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                time.sleep(wait)
                self.send_response(status)
                if location:
                    self.send_header("Location", location)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}{path}"
        if discovery_slash is not None:
            issuer = url.removesuffix("/.well-known/openid-configuration") + discovery_slash
            document = {"issuer": issuer, "authorization_endpoint": f"{issuer}/auth"}
            answer = json.dumps(document).encode()
        return url

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


# --- what is read -----------------------------------------------------------------------------


def test_metadata_is_shown_as_a_difference(maker: Client, idp: IdP) -> None:
    page = read(maker, idp.metadata(), issuer_url="https://old.example", endpoint=idp.sso_url)

    assert values(page) == {
        "issuer_url": idp.entity_id,
        "endpoint": idp.sso_url,
        "binding": "redirect",
        "identifier_format": "emailAddress",
        "certificates": idp.key.pem,
    }
    rows = dict(re.findall(r'<tr(.*?)>\s*<th scope="row">(.*?)</th>', page))
    assert rows[' class="is-new"'] == "Certificate"
    assert page.count('<td data-label="Now">') == page.count('<td data-label="Read">') == 5
    assert "https://old.example" in page
    assert page.count("the same") == 1
    assert idp.key.fingerprint[:11] in page
    assert not Connector.objects.exists()


def test_nothing_new(maker: Client, idp: IdP) -> None:
    page = read(
        maker, idp.key.pem, certificates=f"  {idp.key.pem}\r\n", issuer_url="https://old.example"
    )

    assert "The fields already contain all of this" in page
    assert 'name="_use"' not in page


def test_the_identity_provider_is_recognised(maker: Client) -> None:
    page = read(maker, published.google())

    assert "Found: this is Google Workspace" in page
    assert 'data-provider="google"' in page


def test_of_several_one_is_chosen(maker: Client) -> None:
    federation = published.entities(
        *(
            published.entity(
                published.role(
                    published.key() + published.service("HTTP-Redirect", f"{entity_id}/sso")
                ),
                entity_id,
            )
            for entity_id in ("https://one.example", "https://two.example")
        )
    )
    page = read(maker, federation)
    assert re.findall(r"<option>(.*?)</option>", page) == [
        "https://one.example",
        "https://two.example",
    ]
    assert values(page) == {}

    page = read(maker, federation, _read="choice", entity_id="https://two.example")
    assert values(page)["issuer_url"] == "https://two.example"
    again = read(maker, federation, entity_id="https://two.example")
    assert "<option>" in again, "the box was read anew, whatever was chosen before"


def test_an_openid_provider_changes_the_type(maker: Client) -> None:
    issuer = "https://login.acme.example"
    page = read(maker, f"{issuer}/.well-known/openid-configuration", type="saml2")

    assert values(page) == {
        "type": "oauth2",
        "authentication_method": "oidc",
        "option_oidc_issuer": issuer,
    }
    assert "uses OpenID Connect, not SAML" in page


@pytest.mark.parametrize(
    ("issuer", "method"),
    [("https://accounts.google.com", "google"), ("https://gitlab.com", "gitlab")],
)
def test_an_openid_provider_with_a_method_of_its_own(
    maker: Client, issuer: str, method: str
) -> None:
    page = read(maker, f"{issuer}/.well-known/openid-configuration")

    assert values(page) == {"type": "oauth2", "authentication_method": method}


def test_a_saml_paste_changes_the_type_back(maker: Client, idp: IdP) -> None:
    assert values(read(maker, idp.metadata(), type="oauth2"))["type"] == "saml2"


# --- what is refused --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "There is nothing to read."),
        ("hello", "Nothing was recognised in this text."),
        ("x" * 1_100_000, "longer than 1048576 characters"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><EntityDescriptor/>', "DOCTYPE"),
        ("<html><body>Sign in</body></html>", "web page"),
        ("https://10.0.0.1/metadata", "that is not a public host"),
        ("https://169.254.169.254/latest", "that is not a public host"),
        ("http://idp.example/metadata", "Only “https://” addresses are read"),
    ],
)
def test_refused_on_the_box(maker: Client, text: str, says: str) -> None:
    page = read(maker, text)

    assert says in refusal(page)
    whole = maker.post(ADD, {"_read": "box", "paste": text, "name": "Acme"})
    assert says in refusal(unescape(whole.content.decode()))
    assert box(whole).strip() == text.strip()
    assert not whole.context["errors"], "the form itself isn't judged before it is sent"


def test_more_than_django_takes(maker: Client) -> None:
    for address in (READ, ADD):
        response = maker.post(address, {"_read": "box", "paste": "x" * 5_000_000})
        assert response.status_code == 413
        assert "<h1>The form is too large</h1>" in response.content.decode()
        assert "your text should still be there." in response.content.decode()


def test_private_key_is_not_repeated(maker: Client, idp: IdP) -> None:
    bare = "".join(idp.key.private_pem.split("-----")[2].split())
    for text in (idp.key.private_pem, bare):
        assert "private key" in refusal(read(maker, text))
        for pasted in ({"paste": text}, {"certificates": text}, {"paste": "x", "name": text}):
            if text == bare and "name" in pasted:
                continue
            response = maker.post(ADD, {"_read": "box", **pasted})
            shown = "".join(unescape(response.content.decode()).split())
            assert bare[100:180] not in shown
            response = maker.post(ADD, form(idp, **pasted))
            shown = "".join(unescape(response.content.decode()).split())
            assert bare[100:180] not in shown
    assert not Connector.objects.exists()


def test_the_box_of_a_private_key_is_emptied_and_nothing_else(maker: Client, idp: IdP) -> None:
    """Saved unread too, and as the JSON that some tools write it in."""
    key = other_key().private_key
    assert isinstance(key, rsa.RSAPrivateKey)
    as_json = RSAAlgorithm.to_jwk(key)
    for text in (idp.key.private_pem, as_json):
        assert "data-emptied" in read(maker, text)
        response = maker.post(ADD, {"_read": "box", "paste": text, "name": "Typed"})
        assert box(response) == ""
        assert 'value="Typed"' in response.content.decode()

        response = maker.post(ADD, form(idp, paste=text, name="Typed"))
        (sentence,) = errors(response)["__all__"]
        assert sentence.startswith("In the box “Paste anything”: This text contained a private key")
        assert box(response) == ""
        assert 'value="Typed"' in response.content.decode()
        assert idp.key.pem.splitlines()[1] in response.content.decode()
    assert "data-emptied" not in read(maker, "hello")


# --- what is fetched --------------------------------------------------------------------------


def test_an_address_is_fetched(maker: Client, idp: IdP, serve: Serve) -> None:
    url = serve(idp.metadata())
    page = read(maker, url)

    assert values(page)["issuer_url"] == idp.entity_id
    assert f"Read from {url}." in page


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ({"status": 302, "location": "http://127.0.0.1/x"}, "redirect"),
        ({"status": 404}, "404"),
        ({"body": "https://login.acme.example/saml"}, "another address"),
        ({"body": "<!DOCTYPE html><html></html>"}, "web page"),
        ({"body": "x" * 1_100_000}, "more than"),
        ({"wait": 1.5}, "in time"),
    ],
)
def test_what_an_address_may_do(
    maker: Client,
    serve: Serve,
    monkeypatch: pytest.MonkeyPatch,
    answer: dict[str, Any],
    says: str,
) -> None:
    monkeypatch.setattr(http_client, "TOTAL_SECONDS", 0.5)

    assert says in refusal(read(maker, serve(**answer)))


def test_why_nothing_was_fetched_in_french(maker: Client, serve: Serve) -> None:
    maker.defaults["HTTP_ACCEPT_LANGUAGE"] = "fr"

    assert "répond par une redirection" in refusal(
        read(maker, serve(status=302, location="http://127.0.0.1/x"))
    )


def test_no_transaction_is_open_while_fetching(
    maker: Client, idp: IdP, monkeypatch: pytest.MonkeyPatch, serve: Serve
) -> None:
    """SQLite would keep everybody else from writing meanwhile."""
    depths: list[int] = []
    real = http_client.request

    def request(*args: Any, **options: Any) -> Any:
        depths.append(len(connection.savepoint_ids))
        return real(*args, **options)

    monkeypatch.setattr(http_client, "request", request)
    url = serve(idp.metadata())
    maker.post(READ, {"_read": "box", "paste": url})
    maker.post(ADD, {"_read": "box", "paste": url})

    assert depths == [0, 0]


def test_only_who_may_change_trust_has_anything_fetched(
    make_staff: StaffMaker, connector: Connector, monkeypatch: pytest.MonkeyPatch, serve: Serve
) -> None:
    monkeypatch.setattr(http_client, "request", None)
    staff = make_staff(VIEW, CHANGE)
    fields = {"_read": "box", "paste": serve()}
    assert staff.post(READ, fields).status_code == 403
    assert staff.post(f"{LIST}{connector.pk}/change/", fields).status_code == 403
    assert 'id="id_paste"' not in staff.get(f"{LIST}{connector.pk}/change/").content.decode()


def test_reading_takes_a_post_with_its_token(maker: Client) -> None:
    assert maker.get(READ).status_code == 405
    strict = Client(enforce_csrf_checks=True, HTTP_HOST="localhost:8000")
    strict.cookies = maker.cookies
    assert strict.post(READ, {"paste": "x"}).status_code == 403


# --- without JavaScript -----------------------------------------------------------------------


def test_read_and_use_without_javascript(maker: Client, idp: IdP, connector: Connector) -> None:
    url = f"{LIST}{connector.pk}/change/"
    typed = form(idp, name="Renamed", endpoint="https://typed.example/sso", contact="it@a.example")
    roll_over = idp.metadata().replace(idp.entity_id, "https://new.example/saml")
    response = maker.post(url, {**typed, "_read": "box", "paste": roll_over})
    page = response.content.decode()
    assert box(response) == roll_over
    assert values(page)["issuer_url"] == "https://new.example/saml"
    assert 'value="Renamed"' in page, "what was typed stays"
    assert 'value="https://typed.example/sso"' in page

    waiting = {f"read_{name}": value for name, value in values(page).items()}
    response = maker.post(url, {**typed, **waiting, "_use": "all", "paste": roll_over})
    page = response.content.decode()
    assert box(response) == ""
    assert 'value="https://new.example/saml"' in page
    assert f'value="{idp.sso_url}"' in page
    assert 'value="it@a.example"' in page
    connector.refresh_from_db()
    assert (connector.name, connector.issuer_url) == ("Acme", idp.entity_id), "nothing is saved"


def test_saving_what_is_in_the_box_unread_is_refused(maker: Client, idp: IdP) -> None:
    response = maker.post(ADD, form(idp, paste=other_key().pem))

    assert "isn't in the fields yet" in str(errors(response)["__all__"])
    assert box(response).strip() == other_key().pem.strip()
    of_another_type = form(idp, paste="x", type="oauth2", enabled=None)
    assert maker.post(ADD, of_another_type).status_code == 302


# --- the words of the identity provider -------------------------------------------------------


def test_each_field_has_the_words_of_the_one_that_is_recognised(
    maker: Client, connector: Connector
) -> None:
    page = unescape(maker.get(f"{LIST}{connector.pk}/change/").content.decode())
    assert not re.search(r'data-idp="\w+">', page), "an unknown one has no words"
    for idp in IDPS:
        assert f'data-idp="{idp.key}" hidden' in page

    Connector.objects.update(
        issuer_url="https://accounts.google.com/o/saml2?idpid=C01",
        endpoint="https://accounts.google.com/o/saml2/idp?idpid=C01",
    )
    page = unescape(maker.get(f"{LIST}{connector.pk}/change/").content.decode())
    shown = re.findall(r'data-idp="google">(.*?)</span>', page)
    assert shown == [
        "Google Workspace calls it “Entity ID”.",
        "Google Workspace calls it “ACS URL”.",
        "Google Workspace calls it “Entity ID”.",
        "Google Workspace calls it “SSO URL”.",
        "Google Workspace calls it “Name ID format”.",
        "Google Workspace calls it “Certificate”.",
    ]
    assert re.search(r'<option value="google" selected>', page)


# --- files ------------------------------------------------------------------------------------


def upload(
    client: Client, octets: bytes, address: str = READ, *, name: str = "idp.cer", **fields: Any
) -> Any:
    sent = {"_read": "box", "paste": "", "paste_file": SimpleUploadedFile(name, octets), **fields}
    return client.post(address, sent)


def der(idp: IdP) -> bytes:
    return idp.key.certificate.public_bytes(Encoding.DER)


def test_a_certificate_in_der_as_a_file(maker: Client, idp: IdP) -> None:
    """Entra's “Certificate (Raw)”, with and without JavaScript."""
    page = unescape(upload(maker, der(idp)).content.decode())
    assert values(page) == {"certificates": idp.key.pem}

    response = upload(maker, der(idp), ADD, name="Acme")
    page = response.content.decode()
    assert values(page)["certificates"].strip() == idp.key.pem.strip()
    assert re.search(r'<form enctype="multipart/form-data"[^>]*id="connector_form"', page)
    assert box(response), "what was read stands in the box, for whoever chooses or reads again"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_metadata_as_a_file(maker: Client, idp: IdP, encoding: str) -> None:
    page = unescape(upload(maker, idp.metadata().encode(encoding), name="m.xml").content.decode())
    assert values(page)["issuer_url"] == idp.entity_id


@pytest.mark.parametrize(
    ("octets", "says"),
    [
        (b"x" * (MAX_FILE + 1), "This file is larger than"),
        (b"x" * (MAX_FILE - 1), "longer than 1048576 characters"),
        (b"PK\x03\x04\0\0", "neither text nor a certificate"),
        (b"\x30\x03\x02\x01", "Nothing was recognised in this text"),
    ],
)
def test_files_that_are_refused(maker: Client, octets: bytes, says: str) -> None:
    assert says in refusal(unescape(upload(maker, octets).content.decode()))


def test_a_private_key_as_a_file_is_kept_nowhere(maker: Client, idp: IdP) -> None:
    bare = "".join(idp.key.private_pem.split("-----")[2].split())
    for octets in (idp.key.private_pem.encode(), b64decode(bare)):
        for address in (READ, ADD):
            response = upload(maker, octets, address)
            page = "".join(unescape(response.content.decode()).split())
            assert "privatekey" in page
            assert bare[100:180] not in page
        assert box(response) == ""


def test_saving_while_a_file_is_unread_is_refused(maker: Client, idp: IdP) -> None:
    response = maker.post(ADD, form(idp, paste_file=SimpleUploadedFile("m.xml", b"<a/>")))
    assert "isn't in the fields yet" in str(errors(response)["__all__"])
    assert not Connector.objects.exists()


# --- each field for itself --------------------------------------------------------------------


def test_required_fields_that_were_not_found(maker: Client, idp: IdP) -> None:
    page = read(maker, f"Entity ID: urn:acme:idp\nSSO URL: {idp.sso_url}")
    assert "Not found here, and still empty: Certificate." in " ".join(page.split())
    page = read(maker, "Entity ID: urn:acme:idp", endpoint="https://x", certificates="x")
    assert "still empty" not in page


def test_what_stands_beside_an_address_outlives_it(maker: Client, serve: Serve) -> None:
    url = serve(status=404)
    text = f"Entity ID: urn:acme:idp\nSSO URL: https://idp.example/sso\nMetadata URL: {url}"
    page = read(maker, text)
    assert values(page)["issuer_url"] == "urn:acme:idp"
    assert values(page)["endpoint"] == "https://idp.example/sso"
    assert "Nothing could be read from this address" in page


def test_what_was_fetched_counts_more_and_a_difference_is_said(
    maker: Client, idp: IdP, serve: Serve
) -> None:
    page = read(maker, f"Entity ID: urn:acme:idp\nMetadata URL: {serve(idp.metadata())}")
    assert values(page)["issuer_url"] == idp.entity_id
    assert f"The document names the issuer {idp.entity_id}, not urn:acme:idp." in page


def test_a_fetched_document_in_utf_16(maker: Client, idp: IdP, serve: Serve) -> None:
    url = serve(idp.metadata().encode("utf-16"))
    assert values(read(maker, url))["issuer_url"] == idp.entity_id


# --- OpenID -----------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["paste", "option_oidc_issuer", "issuer_url"])
@pytest.mark.parametrize("slash", ["", "/"])
def test_the_issuer_of_a_discovery_document_to_the_letter(
    maker: Client, serve: Serve, field: str, slash: str
) -> None:
    """authentik's and Auth0's end in a slash; a token's is compared letter by letter."""
    url = serve(path="/o/inocx/.well-known/openid-configuration", discovery_slash=slash)
    issuer = url.removesuffix("/.well-known/openid-configuration") + slash
    page = read(maker, **{"text": "", field: url, "type": "oauth2"})
    assert values(page)["option_oidc_issuer"] == issuer
    assert f"Read from {url}." in page


def test_a_discovery_document_of_another_issuer_is_said(maker: Client, serve: Serve) -> None:
    body = '{"issuer": "https://other.example", "authorization_endpoint": "https://x"}'
    page = read(maker, serve(body, path="/.well-known/openid-configuration"))
    assert values(page)["option_oidc_issuer"] == "https://other.example"
    assert "The document names the issuer https://other.example, not " in page


@pytest.mark.parametrize(
    "fields",
    [
        {"issuer_url": "https://a.example/.well-known/openid-configuration"},
        {
            "type": "oauth2",
            "authentication_method": "oidc",
            "option_oidc_issuer": "https://a.example/.well-known/openid-configuration",
            "client_id": "x",
        },
    ],
)
def test_the_discovery_documents_address_never_stays_in_the_field(
    maker: Client, idp: IdP, fields: dict[str, str]
) -> None:
    response = maker.post(ADD, form(idp, **fields))
    found = errors(response)
    assert any(
        "Leave the box “Paste anything” empty and press “Read”." in str(each)
        for each in found.values()
    ), found
    assert not Connector.objects.exists()


def test_a_big_federation_is_searched(maker: Client) -> None:
    member = published.role(published.key() + published.service("HTTP-Redirect", "https://i/sso"))
    text = published.entities(
        *(published.entity(member, f"https://i{number}.example") for number in range(60))
    )
    page = read(maker, text)
    assert "60 identity providers found." in page
    assert "10 more are not shown" in page
    page = read(maker, text, _read="search", search="i59")
    assert re.findall(r"<option>(.*?)</option>", page) == ["https://i59.example"]
