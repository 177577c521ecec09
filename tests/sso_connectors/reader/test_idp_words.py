"""Which identity provider it is, and what it calls our fields."""

from pathlib import Path

import pytest
from django.conf import settings

from sso_connectors.reader import idp_words
from sso_connectors.reader.idp_words import IDPS, is_metadata_address, recognise, tenants

GUID = "0f6b1c3e-2f43-4a5d-9c6e-0b6a6f5f4d11"
ISSUERS = [
    ("google", "https://accounts.google.com/o/saml2?idpid=C01abcd23"),
    ("entra", f"https://sts.windows.net/{GUID}/"),
    ("entra", f"https://sts.windows.net/{GUID}"),
    ("entra", f"https://sts.chinacloudapi.cn/{GUID}/"),
    ("okta", "http://www.okta.com/exk1fcia6d6EMsf331d8"),
    ("okta", "https://www.okta.com/exk1fcia6d6EMsf331d8"),
    ("adfs", "http://fs.acme.example/adfs/services/trust"),
    ("adfs", "HTTP://FS.acme.example/adfs/services/trust"),
    ("onelogin", "https://app.onelogin.com/saml/metadata/5f1c"),
    ("keycloak", "https://keycloak.acme.example/realms/acme"),
    ("keycloak", "http://127.0.0.1:8080/auth/realms/acme"),
    (None, ""),
    (None, "urn:acme:idp"),
    (None, "https://idp.example/saml"),
    (None, "https://accounts.google.com.evil.example/o/saml2?idpid=C01"),
    (None, "https://evil.example/https://www.okta.com/exk1"),
    (None, "http://www.okta.com/"),
    (None, "https://keycloak.acme.example/realms/acme/account"),
]
ENDPOINTS = [
    ("google", "https://accounts.google.com/o/saml2/idp?idpid=C01abcd23"),
    ("entra", f"https://login.microsoftonline.com/{GUID}/saml2"),
    ("entra", "https://login.microsoftonline.com/acme.onmicrosoft.com/saml2"),
    ("entra", f"https://login.microsoftonline.us/{GUID}/saml2"),
    ("entra", f"https://login.partner.microsoftonline.cn/{GUID}/saml2"),
    ("entra", f"https://acme.ciamlogin.com/{GUID}/saml2"),
    ("okta", "https://acme.okta.com/app/acme_inocx_1/exk1fcia6d6EMsf331d8/sso/saml"),
    ("okta", "https://acme.oktapreview.com/app/exk1fcia6d6EMsf331d8/sso/saml"),
    ("okta", "https://login.acme.example/app/acme_inocx_1/exk1fcia6d6EMsf331d8/sso/saml"),
    ("adfs", "https://fs.acme.example/adfs/ls/"),
    ("adfs", "https://fs.acme.example/adfs/ls"),
    ("onelogin", "https://acme.onelogin.com/trust/saml2/http-post/sso/5f1c"),
    ("onelogin", "https://acme.onelogin.com/trust/saml2/http-redirect/sso/5f1c"),
    ("jumpcloud", "https://sso.jumpcloud.com/saml2/inocx"),
    ("jumpcloud", "https://sso.eu.jumpcloud.com/saml2/inocx"),
    ("keycloak", "https://keycloak.acme.example/realms/acme/protocol/saml"),
    ("keycloak", "https://acme.example/auth/realms/acme/protocol/saml"),
    ("pingfederate", "https://ping.acme.example:9031/idp/SSO.saml2"),
    ("pingfederate", "https://sso.acme.example/idp/SSO.saml2"),
    (None, "https://idp.example/saml/sso"),
    (None, "https://idp.example/app/x/y/sso/saml"),
    (None, "https://evil.example/?https://fs.acme.example/adfs/ls/"),
    (None, "https://keycloak.acme.example/realms/acme/protocol/saml/descriptor"),
]
STARTS = [
    ("google", "https://accounts.google.com/o/saml2/initsso?idpid=C01&spid=2&forceauthn=false"),
    ("entra", f"https://myapps.microsoft.com/signin/INOcx/{GUID}?tenantId={GUID}"),
    ("entra", "https://launcher.myapps.microsoft.com/api/signin/x"),
    ("okta", "https://acme.okta.com/home/acme_inocx_1/0oa1fciaabc/aln1fcib"),
    ("okta", "https://acme.okta.com/app/UserHome"),
    ("adfs", "https://fs.acme.example/adfs/ls/IdpInitiatedSignOn.aspx?loginToRp=x"),
    ("onelogin", "https://acme.onelogin.com/launch/123456"),
    ("jumpcloud", "https://console.jumpcloud.com/userconsole#/"),
    ("keycloak", "https://keycloak.acme.example/realms/acme/protocol/saml/clients/inocx"),
    ("pingfederate", "https://ping.acme.example:9031/idp/startSSO.ping?PartnerSpId=x"),
    (None, "https://idp.example/home/x"),
]


@pytest.mark.parametrize(("key", "issuer"), ISSUERS)
def test_by_issuer(key: str | None, issuer: str) -> None:
    idp = recognise(issuer_url=issuer, endpoint="")
    assert (idp and idp.key) == key


@pytest.mark.parametrize(("key", "endpoint"), ENDPOINTS)
def test_by_endpoint(key: str | None, endpoint: str) -> None:
    idp = recognise(issuer_url="", endpoint=endpoint)
    assert (idp and idp.key) == key


@pytest.mark.parametrize(("key", "url"), STARTS)
def test_what_starts_there_is_no_endpoint(key: str | None, url: str) -> None:
    idp = idp_words.of_start(url)
    assert (idp and idp.key) == key
    assert idp_words.of_endpoint(url) is None


def test_no_address_is_of_two() -> None:
    for _key, url in (*ISSUERS, *ENDPOINTS, *STARTS):
        matching = [
            (idp.key, name)
            for idp in IDPS
            for name in ("issuer", "endpoint", "starts_there")
            if (pattern := getattr(idp, name)) and pattern.fullmatch(url)
        ]
        assert len(matching) <= 1, matching


def test_the_endpoint_counts_for_more() -> None:
    endpoint = "https://sso.jumpcloud.com/saml2/inocx"
    idp = recognise(issuer_url="http://www.okta.com/exk1", endpoint=endpoint)
    assert idp
    assert idp.key == "jumpcloud"


@pytest.mark.parametrize("idp", IDPS, ids=lambda idp: idp.key)
def test_the_examples_are_recognised(idp: idp_words.Idp) -> None:
    def filled(example: str) -> str:
        for name in ("company", "app", "key", "tenant", "host", "realm", "id"):
            example = example.replace(f"<{name}>", f"{name}.example" if name == "host" else name)
        return example

    assert idp.endpoint.fullmatch(filled(idp.example_endpoint))
    assert bool(idp.issuer) == bool(idp.example_issuer)
    if idp.issuer:
        assert idp.issuer.fullmatch(filled(idp.example_issuer))


@pytest.mark.parametrize("idp", IDPS, ids=lambda idp: idp.key)
def test_the_guide_says_the_same_words(idp: idp_words.Idp) -> None:
    guides = Path(settings.BASE_DIR, "docs", "idp")
    page = (guides / f"{idp.guide}.md").read_text().replace("*", "").replace("`", "")
    table = (guides / "README.md").read_text().replace("`", "")
    (row, *_others) = [line for line in table.splitlines() if f"]({idp.guide}.md) |" in line]
    assert row.startswith(f"| [{idp.label}]")
    words = idp.words
    for word in (words.identity, words.reply_url, words.issuer_url, words.endpoint):
        assert word in row
    assert str(words.certificate) in row
    assert words.identifier_format.lower().removesuffix(" format") in page.lower()


@pytest.mark.parametrize(
    "url",
    [
        "https://fs.acme.example/FederationMetadata/2007-06/FederationMetadata.xml",
        f"https://login.microsoftonline.com/{GUID}/federationmetadata/2007-06/federationmetadata.xml?appid=1",
        "https://acme.okta.com/app/exk1fcia6d6EMsf331d8/sso/saml/metadata",
        "https://keycloak.acme.example/realms/acme/protocol/saml/descriptor",
        "https://app.onelogin.com/saml/metadata/5f1c",
        "https://ping.acme.example:9031/pf/federation_metadata.ping?PartnerSpId=x",
        "https://idp.example/saml2/idp/metadata.php",
        "https://idp.example/idp-metadata.xml",
        "https://idp.example/metadata",
    ],
)
def test_where_metadata_is(url: str) -> None:
    assert is_metadata_address(url)


@pytest.mark.parametrize(("_key", "url"), ENDPOINTS)
def test_where_no_metadata_is(_key: str, url: str) -> None:
    assert is_metadata_address(url) == url.endswith("descriptor")


@pytest.mark.parametrize(
    ("issuer", "endpoint", "expected"),
    [
        (
            "https://accounts.google.com/o/saml2?idpid=C01",
            "https://accounts.google.com/o/saml2/idp?idpid=C02",
            ("c01", "c02"),
        ),
        (
            f"https://sts.windows.net/{GUID.upper()}/",
            f"https://login.microsoftonline.com/{GUID}/saml2",
            (GUID, GUID),
        ),
        # A domain for a name: nobody can say whether it is the same tenant.
        (
            f"https://sts.windows.net/{GUID}/",
            "https://login.microsoftonline.com/acme.example/saml2",
            None,
        ),
        ("http://www.okta.com/exk1", "https://acme.okta.com/app/x/exk1/sso/saml", ("exk1", "exk1")),
        ("anything", "https://acme.okta.com/app/x/exk1/sso/saml", None),
        ("http://www.okta.com/exk1", "https://fs.acme.example/adfs/ls/", None),
        ("https://idp.example", "https://idp.example/sso", None),
        ("x", "https://sso.jumpcloud.com/saml2/inocx", None),
        ("https://h/realms/a", "https://h/realms/b/protocol/saml", ("a", "b")),
    ],
)
def test_the_customers_name_in_both(
    issuer: str, endpoint: str, expected: tuple[str, str] | None
) -> None:
    assert tenants(issuer_url=issuer, endpoint=endpoint) == expected
