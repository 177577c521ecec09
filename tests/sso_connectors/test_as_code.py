"""Connectors as code, through the two commands: the form to the letter, and all or nothing."""

import copy
import io
import json
import random
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from django.db import IntegrityError

from sso_connectors.models import Connector, IdentifierFormat, Link
from sso_connectors.providers import PROVIDERS
from tests.conftest import ConnectorMaker, UserMaker
from tests.idp import IdP, SigningKey, bare, default_key, ec_key, other_key, weak_key
from tests.rivals import rival
from tests.sso_connectors.certificates.test_parsing import certify
from users.models import User

pytestmark = pytest.mark.django_db

SAML: dict[str, Any] = {
    "name": "Acme",
    "reference": "acme",
    "type": "saml2",
    "enabled": True,
    "issuer_url": "https://idp.example/saml",
    "endpoint": "https://idp.example/sso",
    "identifier_format": "emailAddress",
    "certificates": [default_key().pem],
    "binding": "redirect",
    "username_attribute": "",
    "force_authn": False,
    "contact": "",
    "staff_may_sign_in": False,
}
OAUTH2: dict[str, Any] = {
    "name": "Hub",
    "reference": "hub",
    "type": "oauth2",
    "enabled": False,
    "authentication_method": "hubspot",
    "client_id": "hub-client",
    "options": {"hub_id": "1234567"},
    "redirect_uri": "own",
    "force_authn": False,
    "contact": "it@acme.example",
    "staff_may_sign_in": True,
}
ALICE: dict[str, Any] = {
    "username": "alice@acme.example",
    "active": True,
    "staff": False,
    "connectors": ["acme", "hub"],
}
GOOD: dict[str, Any] = {"connectors": [SAML, OAUTH2], "users": [ALICE]}
CANARY = "canary-of-the-hub-77c2"
HUB: dict[str, Any] = {**OAUTH2, "enabled": True, "client_secret": "env:HUB_SECRET"}
NOTHING = "Nothing to change."

Apply = Callable[..., "Applied"]


class Applied(SimpleNamespace):
    """What the command printed."""

    lines: list[str]
    warnings: list[str]


@pytest.fixture
def apply(tmp_path: Path) -> Apply:
    """Run sso_apply on a document (or on text or bytes as they are)."""

    def run(document: Any = GOOD, *options: str) -> Applied:
        if isinstance(document, bytes):
            data = document
        elif isinstance(document, str):
            data = document.encode(errors="surrogatepass")
        else:
            data = json.dumps(document).encode()
        file = tmp_path / "sso.json"
        file.write_bytes(data)
        out, err = io.StringIO(), io.StringIO()
        call_command("sso_apply", str(file), *options, stdout=out, stderr=err)
        return Applied(lines=out.getvalue().splitlines(), warnings=err.getvalue().splitlines())

    return run


@pytest.fixture
def refuse(apply: Apply) -> Callable[[Any], list[str]]:
    """Run sso_apply on a document that it must refuse; return the lines of what is wrong."""

    def run(document: Any) -> list[str]:
        before = stored()
        with pytest.raises(CommandError) as caught:
            apply(document)
        assert stored() == before
        first, *problems = str(caught.value).splitlines()
        assert first == "Nothing was changed."
        assert problems
        return problems

    return run


Refuse = Callable[[Any], list[str]]


def export() -> Any:
    out = io.StringIO()
    call_command("sso_export", stdout=out)
    return json.loads(out.getvalue())


def stored() -> list[Any]:
    """Everything in the tables that the command writes."""
    tables = (Connector.objects, User.objects, Link.objects)
    return [list(table.order_by("pk").values()) for table in tables]


def with_connector(**changes: Any) -> dict[str, Any]:
    return {"connectors": [{**SAML, **changes}]}


def with_user(**changes: Any) -> dict[str, Any]:
    return {"connectors": [SAML, OAUTH2], "users": [{**ALICE, **changes}]}


# --- what it writes ---------------------------------------------------------------------------


def test_the_form_of_the_contract(apply: Apply) -> None:
    assert apply().lines == [
        "connector acme: created",
        "connector hub: created",
        "user alice@acme.example: created",
        "user alice@acme.example: linked to acme",
        "user alice@acme.example: linked to hub",
    ]
    acme = Connector.objects.get(reference="acme")
    wanted = {**SAML, "certificates": default_key().pem}
    assert {name: getattr(acme, name) for name in wanted} == wanted
    hub = Connector.objects.get(reference="hub")
    assert {name: getattr(hub, name) for name in OAUTH2} == OAUTH2
    alice = User.objects.get()
    assert alice.is_active
    assert not alice.is_staff
    assert not alice.is_superuser
    assert not alice.has_usable_password()
    assert set(alice.links.values_list("connector__reference", flat=True)) == {"acme", "hub"}


def test_export_is_the_same_form(apply: Apply) -> None:
    apply()
    assert export() == GOOD
    assert list(export()["connectors"][0])[:3] == ["name", "reference", "type"]


def test_nothing_to_change(apply: Apply) -> None:
    apply()
    before = stored()
    documents: list[Any] = [GOOD, export(), {}, {"connectors": []}, {"users": []}]
    for document in documents:
        assert apply(document).lines == [NOTHING]
        assert apply(document, "--dry-run").lines == [NOTHING]
    assert stored() == before


def test_round_trip_of_everything(
    apply: Apply, make_connector: ConnectorMaker, make_user: UserMaker
) -> None:
    one = make_connector(
        "One.+-_@1",
        name="Ünï “quoted” \\ 日本 🔑",
        issuer_url="urn:example:idp",
        certificates=other_key().pem + ec_key().pem + default_key().pem,
        identifier_format="none",
        binding="post",
        username_attribute="http://schemas.example/claims/mail",
        force_authn=True,
        contact="it@acme.example",
        staff_may_sign_in=True,
    )
    draft = make_connector("draft", enabled=False, certificates="", issuer_url="", endpoint="")
    make_connector("nothing", enabled=False, certificates="", identifier_format="")
    for method in PROVIDERS:
        make_connector(f"o-{method}", type="oauth2", enabled=False, authentication_method=method)
    make_connector("o", type="oauth2", enabled=False)
    make_connector(
        "o+",
        type="oauth2",
        enabled=False,
        authentication_method="oidc",
        client_id="client",
        options={"issuer": "https://login.acme.example", "trust_email": True},
        force_authn=True,
    )
    make_user("alice@münchen.example", one, draft)
    make_user("bob@acme.example", one, is_active=False)
    make_user("carol@acme.example", is_staff=True)
    User.objects.create_superuser("root@acme.example", "a passphrase for tests")
    before, document = stored(), export()
    assert len(document["connectors"]) == 5 + len(PROVIDERS)
    assert apply(document).lines == [NOTHING]
    assert stored() == before

    Link.objects.all().delete()
    Connector.objects.all().delete()
    User.objects.all().delete()
    apply(document)
    assert export() == document
    assert not User.objects.filter(is_superuser=True).exists(), "a file makes no superuser"


def test_export_has_no_secrets(apply: Apply) -> None:
    User.objects.create_superuser("root@acme.example", "a passphrase for tests")
    apply()
    Link.objects.update(subject="what-the-idp-calls-alice")
    printed = json.dumps(export())
    for secret in ("password", "passphrase", "what-the-idp", User.objects.first().password):  # type: ignore[union-attr]
        assert secret not in printed


def test_a_dry_run_says_the_same_and_changes_nothing(apply: Apply) -> None:
    dry = apply(GOOD, "--dry-run").lines
    assert not any(stored())
    assert dry == [*apply().lines, "Dry run: nothing was changed."]
    before = stored()
    changed = with_connector(name="New", endpoint="https://new.example/")
    assert apply(changed, "--dry-run").lines == [
        "connector acme: changed name, endpoint",
        "Dry run: nothing was changed.",
    ]
    assert stored() == before


def test_an_absent_key_keeps_what_is_stored(apply: Apply) -> None:
    apply()
    before = stored()
    sparse = {"connectors": [{"reference": "acme"}], "users": [{"username": ALICE["username"]}]}
    assert apply(sparse).lines == [NOTHING]
    assert stored() == before
    assert apply({"connectors": [{"reference": "acme", "force_authn": True}]}).lines == [
        "connector acme: changed force_authn"
    ]
    assert apply({"users": [{"username": ALICE["username"], "active": False}]}).lines == [
        f"user {ALICE['username']}: changed"
    ]
    assert export()["connectors"][0] == {**SAML, "force_authn": True}
    assert export()["users"][0] == {**ALICE, "active": False}


def test_a_draft_needs_three_keys(apply: Apply) -> None:
    apply({"connectors": [{"name": "New", "reference": "new", "type": "saml2"}]})
    assert export()["connectors"] == [
        {
            **SAML,
            "name": "New",
            "reference": "new",
            "enabled": False,
            "issuer_url": "",
            "endpoint": "",
            "certificates": [],
        }
    ]


def test_what_the_file_does_not_name_is_left_alone(
    apply: Apply, make_connector: ConnectorMaker, make_user: UserMaker
) -> None:
    make_user("bob@acme.example", make_connector("other"))
    before = [list(each) for each in stored()]
    apply()
    after = stored()
    for earlier, later in zip(before, after, strict=True):
        assert later[: len(earlier)] == earlier


def test_connectors_of_a_user_is_the_whole_list(apply: Apply) -> None:
    apply()
    Link.objects.filter(connector__reference="acme").update(subject="kept")
    name = ALICE["username"]
    assert apply(with_user(connectors=["ACME", "acme"])).lines == [
        f"user {name}: unlinked from hub"
    ]
    assert Link.objects.get().subject == "kept"
    assert apply({"users": [{"username": name.upper(), "connectors": ["HUB"]}]}).lines == [
        f"user {name}: linked to hub",
        f"user {name}: unlinked from acme",
    ]
    assert apply({"users": [{"username": name, "connectors": []}]}).lines == [
        f"user {name}: unlinked from hub"
    ]
    assert not Link.objects.exists()


def test_users_of_the_file_keep_password_and_rank(apply: Apply) -> None:
    User.objects.create_superuser(ALICE["username"], "a passphrase for tests")
    apply(with_user(staff=False))
    alice = User.objects.get()
    assert alice.is_superuser
    assert not alice.is_staff
    assert alice.check_password("a passphrase for tests")


def test_a_reference_may_change_its_letter_case(apply: Apply) -> None:
    apply()
    assert apply({"connectors": [{"reference": "ACME"}]}).lines == [
        "connector ACME: changed reference"
    ]
    assert Connector.objects.count() == 2


def test_certificates_as_people_paste_them(apply: Apply, idp: IdP) -> None:
    for pasted in (
        [default_key().pem.replace("\n", "\r\n")],
        [default_key().pem, default_key().pem],
        [bare(default_key().pem)],
        [idp.metadata()],
        [json.dumps(default_key().pem)],
        [default_key().pem.partition("-----END")[0]],
    ):
        apply(with_connector(certificates=[other_key().pem]))
        apply(with_connector(certificates=pasted))
        assert apply(with_connector(certificates=pasted)).lines == [NOTHING]
        assert Connector.objects.get(reference="acme").certificates == default_key().pem


def test_authorities_of_a_chain_are_left_out_and_said(apply: Apply) -> None:
    issuer = SigningKey.rsa(common_name="Example CA", ca=True)
    leaf = certify(ec_key().private_key.public_key(), issuer="Example CA")
    applied = apply(with_connector(certificates=[leaf, issuer.pem]))
    assert Connector.objects.get(reference="acme").certificates == leaf
    (warning,) = applied.warnings
    assert warning.startswith(
        "warning: connector acme: Ignored, because they belong to certificate authorities, "
        "which sign other certificates (1 of 2): "
    )


def test_certificates_are_the_whole_list(apply: Apply) -> None:
    apply()
    both = [ec_key().pem, default_key().pem]
    assert apply(with_connector(certificates=both)).lines == [
        "connector acme: changed certificates"
    ]
    assert export()["connectors"][0]["certificates"] == both
    apply(with_connector(certificates=[], enabled=False))
    assert export()["connectors"][0]["certificates"] == []


def test_a_byte_order_mark(apply: Apply) -> None:
    apply(b"\xef\xbb\xbf" + json.dumps(GOOD).encode())
    assert export() == GOOD


@pytest.mark.parametrize("format", IdentifierFormat.values)
def test_identifier_formats(apply: Apply, format: str) -> None:
    apply(with_connector(identifier_format=format))
    assert Connector.objects.get().identifier_format == format


def test_dates_of_a_certificate_warn(apply: Apply) -> None:
    now = datetime.now(UTC)
    ended = SigningKey.ec(
        common_name="Old", not_before=now - timedelta(9), not_after=now - timedelta(1)
    )
    early = SigningKey.ec(
        common_name="New", not_before=now + timedelta(1), not_after=now + timedelta(9)
    )
    document = with_connector(certificates=[ended.pem, early.pem, default_key().pem])
    wanted = [
        f"warning: connector acme: the certificate CN=Old ended on {now - timedelta(1):%Y-%m-%d}",
        f"warning: connector acme: the certificate CN=New begins on {now + timedelta(1):%Y-%m-%d}",
    ]
    for options in (["--dry-run"], []):
        applied = apply(document, *options)
        assert applied.lines[0] == "connector acme: created"
        assert applied.warnings == wanted
    assert Connector.objects.get().enabled
    assert apply(document).warnings == []


# --- OAUTH 2 ----------------------------------------------------------------------------------


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> str:
    """In the environment of the command, as HUB_SECRET."""
    monkeypatch.setenv("HUB_SECRET", CANARY)
    return CANARY


def hub() -> Connector:
    return Connector.objects.get(reference="hub")


def with_hub(**changes: Any) -> dict[str, Any]:
    return {"connectors": [{**HUB, **changes}]}


def hub_secret() -> str:
    kept = hub().client_secret
    assert kept is not None
    return kept.reveal()


@pytest.mark.row(32)
def test_secret_from_the_environment(
    apply: Apply, secret: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    printed = [apply(with_hub(), "--dry-run").lines, apply(with_hub()).lines]
    assert printed[1] == ["connector hub: created"]
    assert hub().state == "ready"
    assert hub_secret() == secret
    before = stored()
    assert apply(with_hub()).lines == [NOTHING]
    assert apply(with_hub(), "--dry-run").lines == [NOTHING]
    assert stored() == before, "the same secret isn't sealed again"

    plain = with_hub(client_secret=f"  {secret}-2\n")
    assert apply(plain, "--dry-run").lines[0] == "connector hub: changed client_secret"
    printed.append(apply(plain).lines)
    assert printed[2] == ["connector hub: changed client_secret"]
    assert apply(plain).lines == [NOTHING]
    assert hub_secret() == f"{secret}-2"
    assert secret not in str(printed) + caplog.text + json.dumps(export())


def test_an_absent_secret_keeps_what_is_stored(apply: Apply, secret: str) -> None:
    apply(with_hub())
    before = hub().client_secret
    document = export()
    (entry,) = document["connectors"]
    assert entry == {**OAUTH2, "enabled": True}, "no secret, all else"
    assert apply(document).lines == [NOTHING]
    assert apply({"connectors": [{"reference": "hub", "client_id": "new"}]}).lines == [
        "connector hub: changed client_id"
    ]
    assert hub().client_secret == before


def test_options_are_the_whole_object(apply: Apply, secret: str) -> None:
    apply(with_hub())
    assert apply(with_hub(options={"hub_id": " 1234567 "})).lines == [NOTHING]
    assert apply(with_hub(options={}, enabled=False)).lines == [
        "connector hub: changed issuer_url, enabled, options"
    ]
    assert hub().options == {}
    assert apply(with_hub(options={"hub_id": ""}, enabled=False)).lines == [NOTHING]


@pytest.mark.row(32)
def test_stored_secret_is_told_to_no_other_provider(
    apply: Apply, refuse: Refuse, secret: str
) -> None:
    """As on the form: or whoever may write the file could have it sent to their own."""
    apply(with_hub())
    change = {"reference": "hub", "authentication_method": "oidc"}
    elsewhere = {**change, "options": {"issuer": "https://evil.example"}}
    told = (
        "connectors[0] (hub): client_secret: the stored one belongs to another identity provider, and is "
        "never sent to this one; give the client secret that this one gave you"
    )
    disguised = {**elsewhere, "enabled": False, "type": "saml2"}
    for entry in (elsewhere, {**elsewhere, "enabled": False}, disguised):
        assert refuse({"connectors": [entry]}) == [told]
    assert hub().authentication_method == "hubspot"

    apply({"connectors": [{**elsewhere, "client_secret": "another"}]})
    assert (hub_secret(), hub().issuer_url) == ("another", "https://evil.example")


def test_options_in_another_spelling_are_no_other_provider(apply: Apply, secret: str) -> None:
    desk = {"authentication_method": "zendesk", "options": {"subdomain": "acme"}}
    apply(with_hub(**desk))
    desk["options"] = {"subdomain": " ACME "}
    entry = {"reference": "hub", **desk}
    assert apply({"connectors": [entry]}).lines == [NOTHING]
    assert hub_secret() == secret


@pytest.mark.row(33)
def test_a_secret_that_nobody_can_read(apply: Apply, secret: str, settings: Any) -> None:
    apply(with_hub())
    lost = hub().client_secret
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    apply({"connectors": [{"reference": "hub", "name": "Renamed"}]})
    assert hub().client_secret == lost, "it is kept"
    assert apply(
        {"connectors": [{"reference": "hub", "client_secret": "env:HUB_SECRET"}]}
    ).lines == ["connector hub: changed client_secret"]
    assert hub_secret() == secret


@pytest.mark.row(33)
def test_no_key_to_keep_a_secret_with(refuse: Refuse, secret: str, settings: Any) -> None:
    settings.FIELD_ENCRYPTION_KEYS = []
    (problem,) = refuse(with_hub())
    assert problem.startswith("connectors[0] (hub): client_secret: Secrets can't be stored")
    assert "FIELD_ENCRYPTION_KEYS" in problem


@pytest.mark.row(17)
@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {"client_secret": "env:NOT_SET"},
            "client_secret: the environment variable NOT_SET is not",
        ),
        (
            {"client_secret": "env:BLANK"},
            "client_secret: the environment variable BLANK is not set",
        ),
        ({"client_secret": f"env:{CANARY}"}, "client_secret: after “env:” comes the name of"),
        ({"client_secret": "env:"}, "client_secret: after “env:” comes the name of"),
        ({"client_secret": ""}, "client_secret: This text is empty."),
        (
            {"client_secret": f"{CANARY}\n{CANARY}"},
            "client_secret: This text contains a line break",
        ),
        (
            {"client_secret": f"{CANARY}\ud800{CANARY}"},
            "client_secret: This text contains a line break",
        ),
        ({"client_secret": "env:KEY"}, "client_secret: This text contained a private key,"),
        ({"client_secret": None}, "client_secret: must be text, not nothing"),
        ({"client_secret": {CANARY: CANARY}}, "client_secret: must be text, not an object"),
        ({"client_id": ""}, "client_id: This is needed before"),
        ({"authentication_method": "", "options": {}}, "authentication_method: This is needed"),
        ({"options": {"tenant": "x"}}, "options: HubSpot has no option “tenant”."),
        ({"options": {"hub_id": "x"}}, "options: Hub ID: "),
        ({"options": {"hub_id": 1}}, "options: hub_id: must be text, or true or false"),
        ({"options": {"hub_id": "1\0"}}, "options: hub_id: holds a character"),
        ({"options": {"hub_id": [[CANARY]]}}, "options: hub_id: must be text"),
        ({"authentication_method": "google", "options": {}, "force_authn": True}, "force_authn: "),
        (
            {"authentication_method": "okta", "options": {"authorization_server": "default"}},
            "options: domain: This is needed before the connector can be enabled.",
        ),
    ],
    ids=str,
)
def test_what_is_wrong_with_a_client(
    refuse: Refuse, secret: str, monkeypatch: pytest.MonkeyPatch, changes: Any, says: str
) -> None:
    monkeypatch.setenv("BLANK", " ")
    monkeypatch.setenv("KEY", ec_key().private_pem)
    problems = refuse(with_hub(**changes))
    assert [each for each in problems if each.startswith(f"connectors[0] (hub): {says}")], problems
    assert secret not in str(problems)
    assert ec_key().private_pem.splitlines()[1] not in str(problems)


@pytest.mark.row(17)
def test_enabled_without_a_secret(refuse: Refuse) -> None:
    (problem,) = refuse({"connectors": [{**OAUTH2, "enabled": True}]})
    assert problem == (
        "connectors[0] (hub): client_secret: This is needed before the connector can be enabled."
    )


def test_every_option_is_explained() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "commands.md").read_text()
    for method, provider in PROVIDERS.items():
        rows = [line for line in page.splitlines() if line.startswith(f"| `{method}` | ")]
        told = re.findall(r"`(\w+)`(?: \((required|default))?", " ".join(rows).partition("|")[2])
        found = {(name, note) for name, note in told if name not in (method, "true", "false")}
        assert found == {
            (option.name, "required" if option.required else "default" if option.default else "")
            for option in provider.options
        }, method


# --- where it reads ---------------------------------------------------------------------------


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    data = SimpleNamespace(buffer=io.BytesIO(json.dumps(GOOD).encode()))
    monkeypatch.setattr("sys.stdin", data)
    call_command("sso_apply", "-", stdout=io.StringIO())
    assert export() == GOOD


def test_files_that_cannot_be_read(
    apply: Apply, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for file in (tmp_path / "missing.json", tmp_path):
        with pytest.raises(CommandError, match=f"{file} can't be read: .+"):
            call_command("sso_apply", str(file))
    for data in (json.dumps(GOOD).encode("utf-16"), b'{"users": ["\xe9"]}'):
        with pytest.raises(CommandError, match="is not UTF-8 text"):
            apply(data)
    monkeypatch.setattr("sso_connectors.management.commands.sso_apply._MAX_BYTES", 10)
    with pytest.raises(CommandError, match="is larger than 10 bytes"):
        apply(GOOD)
    assert not any(stored())


# --- what it refuses --------------------------------------------------------------------------


@pytest.mark.row(40)
def test_all_or_nothing(apply: Apply, refuse: Refuse) -> None:
    """The last user is wrong; the first connector stays unwritten."""
    document = copy.deepcopy(GOOD)
    document["users"].append({"username": "bob"})
    (problem,) = refuse(document)
    assert problem == (
        "users[1] (bob): “bob” is not an e-mail address. "
        "Example of a username: name@company.example."
    )
    assert not any(stored())
    apply()
    document["connectors"][0] = {**SAML, "name": "Changed"}
    refuse(document)
    assert export() == GOOD


def test_everything_wrong_is_said_at_once(refuse: Refuse) -> None:
    document = {
        "connectors": [
            {**SAML, "reference": "a b", "endpoint": "ftp://x"},
            {"reference": "new"},
            "acme",
            {**SAML, "enabled": "yes"},
        ],
        "users": [{"username": "bob"}, {**ALICE, "staff": 1, "connectors": ["nowhere"]}],
        "more": 1,
    }
    problems = refuse(document)
    starts = [
        "the file: more: unknown key; known are connectors, users",
        "connectors[0] (a b): endpoint: The address starts with “ftp://”",
        "connectors[0] (a b): reference: “a b” is not a valid reference.",
        "connectors[1] (new): name: is needed for a new connector",
        "connectors[1] (new): type: is needed for a new connector",
        "connectors[2]: must be an object, not text",
        "connectors[3] (acme): enabled: must be true or false, not text",
        "users[0] (bob): “bob” is not an e-mail address",
        "users[1] (alice@acme.example): staff: must be true or false, not a number",
        "users[1] (alice@acme.example): connectors: there is no connector 'nowhere'",
    ]
    for start in starts:
        assert [problem for problem in problems if problem.startswith(start)], start


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "line 1, column 1: this is not JSON"),
        ("{", "line 1, column 2: this is not JSON"),
        ('{\n  "users": [\n  }', "line 3, column 3: this is not JSON"),
        ("{'users': []}", "line 1, column 2: this is not JSON"),
        ("connectors: []", "line 1, column 1: this is not JSON"),
        ("[]", "the file must hold an object"),
        ("null", "the file must hold an object"),
        ("1", "the file must hold an object"),
        ("NaN", "the file must hold an object"),
        ('"users"', "the file must hold an object"),
        ('{"users": [], "users": []}', "the key 'users' stands twice in one object"),
        ('{"users": [{"a": 1, "b": {"c": 1, "c": 2}}]}', "the key 'c' stands twice"),
        ("[" * 100_000, "the JSON is nested too deep|maximum recursion depth"),
        ('{"a":' * 100_000, "the JSON is nested too deep|maximum recursion depth"),
        ("1" * 5000, "integer string conversion"),
    ],
)
def test_bad_json(refuse: Refuse, text: str, says: str) -> None:
    (problem,) = refuse(text)
    assert any(each in problem for each in says.split("|"))


@pytest.mark.parametrize("depth", range(800, 1000, 7))
@pytest.mark.parametrize("place", ["users", "connectors of a user", "certificates", "name"])
def test_deep_json(refuse: Refuse, depth: int, place: str) -> None:
    """Deep enough for whatever reads it after the parser, which has limits of its own."""
    deep = "[" * depth + "]" * depth
    text = json.dumps(
        {
            "users": {"users": "@", "connectors of a user": [{**ALICE, "connectors": "@"}]}.get(
                place, []
            ),
            "connectors": [{**SAML, "certificates": "@"}]
            if place == "certificates"
            else [{**SAML, "name": "@"}]
            if place == "name"
            else [],
        }
    )
    refuse(text.replace('"@"', deep))


WRONG_TYPES: dict[str, list[Any]] = {
    "text": [1, 1.5, True, None, [], {}, ["x"]],
    "switch": [0, 1, "true", "", None, [], {}],
    "list": ["x", 1, True, None, {}, {"x": 1}],
    "object": ["x", 1, True, None, [], ["x"]],
}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (key, value)
        for kind, keys in {
            "text": [
                "name",
                "type",
                "issuer_url",
                "endpoint",
                "identifier_format",
                "binding",
                "username_attribute",
                "contact",
                "authentication_method",
                "client_id",
                "client_secret",
            ],
            "switch": ["enabled", "force_authn", "staff_may_sign_in"],
            "list": ["certificates"],
            "object": ["options"],
        }.items()
        for key in keys
        for value in WRONG_TYPES[kind]
    ],
)
def test_wrong_types_in_a_connector(refuse: Refuse, key: str, value: Any) -> None:
    (problem,) = refuse(with_connector(**{key: value}))
    assert problem.startswith(f"connectors[0] (acme): {key}: must be ")


@pytest.mark.parametrize("value", [1, True, None, [], {}, "", " "])
def test_entries_without_their_key(refuse: Refuse, value: Any) -> None:
    assert refuse(with_connector(reference=value)) == [
        "connectors[0]: reference: must be there, as text"
    ]
    assert refuse({"users": [{"username": value}]}) == [
        "users[0]: username: must be there, as text"
    ]


@pytest.mark.parametrize(
    ("key", "values"),
    [("active", WRONG_TYPES["switch"]), ("staff", WRONG_TYPES["switch"])],
)
def test_wrong_types_in_a_user(refuse: Refuse, key: str, values: list[Any]) -> None:
    for value in values:
        (problem,) = refuse(with_user(**{key: value}))
        assert problem.startswith(f"users[0] (alice@acme.example): {key}: must be true or false")


@pytest.mark.parametrize("value", [*WRONG_TYPES["list"], [1], [None], [["acme"]], [{}], [True]])
def test_wrong_types_in_a_users_connectors(refuse: Refuse, value: Any) -> None:
    (problem,) = refuse(with_user(connectors=value))
    assert problem.startswith("users[0] (alice@acme.example): connectors: must ")


@pytest.mark.parametrize("name", ["connectors", "users"])
@pytest.mark.parametrize(
    ("value", "kind"),
    [(None, "nothing"), (1, "a number"), ("x", "text"), ({}, "an object"), (True, "true or false")],
)
def test_wrong_types_at_the_top(refuse: Refuse, name: str, value: Any, kind: str) -> None:
    assert refuse({name: value}) == [f"{name}: must be a list, not {kind}"]
    (problem,) = refuse({name: [value]})
    if value != {}:
        assert problem == f"{name}[0]: must be an object, not {kind}"


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (with_connector(colour="red"), "connectors[0] (acme): colour: unknown key; known are "),
        (with_connector(certificate="x"), "connectors[0] (acme): certificate: unknown key"),
        (with_connector(id=1), "connectors[0] (acme): id: unknown key"),
        (with_user(password="x"), "users[0] (alice@acme.example): password: unknown key"),
        (with_user(superuser=True), "users[0] (alice@acme.example): superuser: unknown key"),
        (with_user(options={}), "users[0] (alice@acme.example): options: unknown key"),
        ({"client_id": "x"}, "the file: client_id: unknown key; known are connectors, users"),
    ],
)
def test_unknown_keys(refuse: Refuse, document: Any, says: str) -> None:
    (problem,) = refuse(document)
    assert problem.startswith(says)


@pytest.mark.parametrize("other", ["acme", "ACME", " Acme "])
def test_two_entries_for_one_connector(refuse: Refuse, other: str) -> None:
    (problem,) = refuse({"connectors": [SAML, {**SAML, "reference": other}]})
    assert problem == (
        f"connectors[1] ({other.strip()}): stands twice in the file; case makes no difference"
    )


@pytest.mark.parametrize(
    "other", ["alice@acme.example", "ALICE@Acme.example", " alice@acme.example\n"]
)
def test_two_entries_for_one_user(refuse: Refuse, other: str) -> None:
    (problem,) = refuse({"users": [{"username": ALICE["username"]}, {"username": other}]})
    assert problem.startswith("users[1] (")
    assert problem.endswith("stands twice in the file; case makes no difference")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"name": ""}, "name: This field cannot be blank."),
        ({"name": "x" * 101}, "name: Ensure this value has at most 100 characters"),
        ({"name": "a\0b"}, "name: holds a character that can't be stored"),
        ({"name": "\ud800"}, "name: holds a character that can't be stored"),
        ({"certificates": ["<a>\ud800"]}, "certificates: This looks like XML"),
        ({"certificates": ["<a>\0"]}, "certificates: This looks like XML"),
        ({"certificates": ["\0"]}, "certificates: “\0” is not a base64 character"),
        ({"reference": "callback"}, "reference: “callback” is reserved for the reply URL"),
        ({"reference": "a/b"}, "reference: “a/b” is not a valid reference."),
        ({"type": "saml"}, "type: 'saml' is none of saml2, oauth2"),
        ({"type": ""}, "type: This field cannot be blank."),
        (
            {"identifier_format": "transient"},
            "identifier_format: 'transient' is none of emailAddress, persistent, unspecified, "
            "windowsDomainQualifiedName, none",
        ),
        ({"binding": "artifact"}, "binding: 'artifact' is none of redirect, post"),
        ({"authentication_method": "yahoo"}, "authentication_method: 'yahoo' is none of "),
        ({"client_id": "a\nb"}, "client_id: This text contains a line break"),
        ({"options": {"a": "b"}}, "options: Choose an authentication method to use options."),
        ({"issuer_url": ""}, "issuer_url: This is needed before the connector can be enabled."),
        ({"issuer_url": "a\nb"}, "issuer_url: This text contains a line break"),
        ({"endpoint": "http://idp.example/"}, "endpoint: The address starts with “http://”"),
        ({"endpoint": "javascript:alert(1)"}, "endpoint: This is not a web address"),
        ({"contact": "it"}, "contact: Enter a valid email address."),
        ({"certificates": []}, "certificates: This is needed"),
        ({"certificates": ["MIIB"]}, "certificates: "),
        ({"certificates": [weak_key().pem]}, "certificates: The certificate's RSA key has 1024"),
        ({"certificates": [default_key().public_pem]}, "certificates: This is a Public Key"),
    ],
)
def test_a_bad_value_stands_on_its_line(refuse: Refuse, changes: Any, says: str) -> None:
    problems = refuse(with_connector(**changes))
    where = f"connectors[0] ({changes.get('reference', 'acme')}): "
    assert any(problem.startswith(where + says) for problem in problems), problems


@pytest.mark.row(32)
@pytest.mark.parametrize("key", [default_key, ec_key], ids=["RSA", "EC"])
@pytest.mark.parametrize("place", [*SAML, "a key", "username", "connectors", "the file", "escaped"])
def test_a_private_key_anywhere_is_not_repeated(
    refuse: Refuse, key: Callable[[], SigningKey], place: str, caplog: pytest.LogCaptureFixture
) -> None:
    secret = key().private_pem
    documents: dict[str, Any] = {
        "certificates": with_connector(certificates=[default_key().pem, secret]),
        "a key": with_connector(**{secret: 1}),
        "username": with_user(username=secret),
        "connectors": with_user(connectors=[secret]),
        "the file": secret,
        "escaped": json.dumps(with_connector(name=secret)).replace(
            "PRIVATE KEY", "PRIVATE\\u0020KEY"
        ),
    }
    document = documents.get(place, with_connector(**{place: secret}))
    problems = refuse(document)
    told = "\n".join(problems) + caplog.text
    assert "if others could have seen it" in told
    if place != "escaped":
        assert problems[0].startswith("line ")
    body = bare(secret)
    assert not any(body[start : start + 10] in told for start in range(len(body) - 10))


@pytest.mark.row(32)
def test_a_private_key_without_its_lines_is_not_repeated(refuse: Refuse) -> None:
    body = bare(ec_key().private_pem)
    for pasted in (body, body[:-1], body[3:]):
        told = "\n".join(refuse(with_connector(certificates=[pasted])))
        assert not any(body[start : start + 10] in told for start in range(len(body) - 10))


def test_the_line_of_a_private_key_is_told(refuse: Refuse) -> None:
    text = json.dumps(with_connector(certificates=[ec_key().private_pem]), indent=1)
    number = next(
        number for number, line in enumerate(text.splitlines(), 1) if "PRIVATE KEY" in line
    )
    assert refuse(text) == [
        f"line {number}: this is a private key; it was not kept, and its owner should replace it if "
        "others could have seen it"
    ]


def test_what_the_database_refuses_is_told(apply: Apply, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **options: Any) -> None:
        raise IntegrityError

    monkeypatch.setattr(Connector, "create_together", refuse)
    with pytest.raises(CommandError, match="the database refused it"):
        apply()


RULES: dict[str, dict[str, Any]] = {
    "connector_known_redirect_uri": {"redirect_uri": "elsewhere"},
    "connector_reference_characters": {"reference": "a b"},
    "connector_reference_not_reserved": {"reference": "Callback"},
    "connector_name_not_empty": {"name": ""},
    "connector_known_type": {"type": "saml"},
    "connector_known_identifier_format": {"identifier_format": "transient"},
    "connector_known_binding": {"binding": "artifact"},
    "connector_endpoint_scheme": {"endpoint": "ftp://idp.example"},
    "connector_never_keeps_private_key": {"certificates": [ec_key().private_pem]},
    "connector_enabled_is_complete": {"certificates": []},
}


def test_a_dry_run_knows_each_rule_of_the_database(apply: Apply) -> None:
    """It writes nothing, so that the database can't judge; what it lets pass must be what can be written."""
    rules = {rule.name for rule in Connector._meta.constraints}
    assert rules == {*RULES, "connector_reference_unique"}, (
        "that one is found in the file and the table"
    )
    for rule, changes in RULES.items():
        with pytest.raises(CommandError):
            apply(with_connector(**changes), "--dry-run")
        assert not any(stored()), rule


def test_history_of_many_is_that_of_each(apply: Apply) -> None:
    """What is copied by the database is what django-simple-history would have written."""
    apply(with_user(staff=True))
    apply(with_user(staff=False, active=False))
    alice, link = User.objects.get(), Link.objects.first()
    assert link is not None
    for row in (alice, link):
        row.save()
        saved, *copied = row.history.order_by("-pk")
        wanted = {field.name: getattr(saved, field.name) for field in saved.tracked_fields}
        assert {name: getattr(copied[0], name) for name in wanted} == wanted
        assert {each.history_change_reason for each in copied} == {"sso_apply"}
        assert {(each.history_user, each.history_author) for each in copied} == {(None, None)}
        dates = [each.history_date for each in (saved, *copied)]
        assert dates == sorted(dates, reverse=True)
        assert saved.history_date - copied[-1].history_date < timedelta(minutes=1)
        names = {each.attname for each in type(saved)._meta.concrete_fields}
        written = {each.attname for each in saved.tracked_fields}
        assert names - written == {
            *("history_id", "history_date", "history_type", "history_change_reason"),
            *("history_user_id", "history_author"),
        }, "of another column the copy would know nothing"
    assert [each.history_type for each in alice.history.order_by("pk")] == ["+", "~", "~"]
    assert [each.is_staff for each in alice.history.order_by("pk")] == [True, False, False]


@pytest.mark.row(16)
def test_sessions_of_who_is_switched_off_are_over(apply: Apply) -> None:
    apply()
    for document, epochs in (
        (with_user(active=False), (1, 0)),
        (with_user(active=True), (1, 0)),
        (with_connector(enabled=False), (1, 1)),
        (with_connector(enabled=True), (1, 1)),
    ):
        apply(document)
        acme = Connector.objects.get(reference="acme")
        assert (User.objects.get().session_epoch, acme.session_epoch) == epochs


# --- any file at all --------------------------------------------------------------------------

ODD: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    10**30,
    1.5,
    float("inf"),
    float("nan"),
    "",
    " ",
    "\0",
    "\ud800",
    "\n",
    "callback",
    "acme",
    "ACME",
    "hub",
    "saml2",
    "oauth2",
    "alice@acme.example",
    "%s %(x)s {0}",
    "x" * 5000,
    "é",
    "<",
    "<!DOCTYPE a>",
    "-----BEGIN CERTIFICATE-----",
    default_key().pem,
    default_key().private_pem,
    [],
    {},
    [[]],
    [{}],
    {"": ""},
    ["acme", 1],
    [None],
]


def paths_of(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    children = node.items() if isinstance(node, dict) else enumerate(node)
    found = [path]
    if isinstance(node, dict | list):
        for key, child in children:
            found += (
                paths_of(child, (*path, key)) if isinstance(child, dict | list) else [(*path, key)]
            )
    return found


def mutate(document: Any, chance: random.Random) -> Any:
    """Change one thing: a value, a key, an entry more, an entry less, two swapped."""
    document = copy.deepcopy(document)
    path = chance.choice(paths_of(document))
    if not path:
        return chance.choice([chance.choice(ODD), [document], {"users": document}])
    parent = document
    for key in path[:-1]:
        parent = parent[key]
    last = path[-1]
    what = chance.choice(["value", "value", "value", "remove", "rename", "double", "wrap", "swap"])
    if what == "value":
        parent[last] = copy.deepcopy(chance.choice(ODD))
    elif what == "remove":
        del parent[last]
    elif what == "wrap":
        parent[last] = chance.choice([[parent[last]], {"name": parent[last]}])
    elif what == "swap":
        other = chance.choice(paths_of(document))
        value: Any = document
        for key in other:
            value = value[key]
        parent[last] = copy.deepcopy(value)
    elif isinstance(parent, list):
        parent.append(copy.deepcopy(parent[last]))
    else:
        name = chance.choice(
            [*SAML, *HUB, *ALICE, "connectors", "users", "client_id", "\ud800", "é", ""]
        )
        parent[name] = parent[last] if what == "double" else parent.pop(last)
    return document


def test_no_file_makes_a_traceback(apply: Apply, monkeypatch: pytest.MonkeyPatch) -> None:
    """CommandError is what the command line shows as a plain message; anything else is a fault."""
    chance = random.Random(26)  # noqa: S311 - the same files each time
    monkeypatch.setenv("HUB_SECRET", CANARY)
    secret_lines = default_key().private_pem.splitlines()[1:-1]
    outcomes: dict[bool, int] = {True: 0, False: 0}
    for number in range(300):
        document: Any = {**GOOD, "connectors": [SAML, HUB]}
        for _ in range(chance.choice([1, 1, 1, 2, 3, 5])):
            document = mutate(document, chance)
            if not isinstance(document, dict | list):
                break
        before = stored()
        try:
            printed = "\n".join(apply(document, *(["--dry-run"] if number % 3 else [])).lines)
            good = True
        except CommandError as error:
            printed, good = str(error), False
            assert stored() == before
        outcomes[good] += 1
        assert not any(line in printed for line in [*secret_lines, CANARY])
    assert min(outcomes.values()) > 20, outcomes


# --- size -------------------------------------------------------------------------------------


def test_five_thousand_users(apply: Apply, django_assert_max_num_queries: Any) -> None:
    names = [f"agent{number}@acme.example" for number in range(5000)]

    def document(**fields: Any) -> Any:
        return {
            "connectors": [SAML, OAUTH2],
            "users": [{"username": name, **fields} for name in names],
        }

    # SQLite takes some hundred rows at a time; one query for each user would be 5,000 and more.
    # Their history takes as many again.
    first = document(connectors=["acme", "hub"])
    with django_assert_max_num_queries(450):
        apply(first)
    assert Link.objects.count() == 10_000
    with django_assert_max_num_queries(60):
        assert apply(first).lines == [NOTHING]
    with django_assert_max_num_queries(450):
        apply(document(connectors=["hub"], active=False))
    assert Link.objects.count() == 5000
    assert User.objects.filter(is_active=False).count() == 5000
    with django_assert_max_num_queries(5):
        exported = export()
    assert len(exported["users"]) == 5000
    assert all(user["connectors"] == ["hub"] for user in exported["users"])


@pytest.mark.row(16)
@pytest.mark.django_db(transaction=True)
def test_user_deactivated_while_a_file_is_applied(apply: Apply, alice: User) -> None:
    """The file says nothing of it, so it changes nothing of it."""

    def deactivate() -> None:
        alice.is_active = False
        alice.save()

    with rival(deactivate):
        apply({"users": [{"username": alice.username, "staff": True}]})

    alice.refresh_from_db()
    assert (alice.is_staff, alice.is_active) == (True, False)
