"""What people mix up, caught with the cure; and nothing caught that may be right."""

import pytest
from pytest_django import DjangoAssertNumQueries

from sso_connectors import addresses
from sso_connectors.models import Connector, ConnectorType
from sso_connectors.reader import read
from sso_connectors.reader.mistakes import Mistake, mistakes
from tests.sso_connectors import published
from tests.sso_connectors.published import TENANT

pytestmark = pytest.mark.django_db

ISSUER = "https://idp.example/saml"
SSO = "https://idp.example/saml/sso"
ENTRA = f"https://sts.windows.net/{TENANT}/"
ENTRA_SSO = f"https://login.microsoftonline.com/{TENANT}/saml2"
OKTA = "http://www.okta.com/exk1"
OKTA_SSO = "https://acme.okta.com/app/acme_inocx_1/exk1/sso/saml"


def found(issuer_url: str = ISSUER, endpoint: str = SSO) -> list[Mistake]:
    return mistakes(Connector(name="Acme", issuer_url=issuer_url, endpoint=endpoint))


@pytest.mark.parametrize(
    ("endpoint", "says"),
    [
        # an issuer
        (ENTRA, "This is the issuer of Microsoft Entra ID, which belongs in Issuer URL. Enter “Login URL” here, for example https://login.microsoftonline.com/<tenant>/saml2."),
        (OKTA, "Enter “Identity Provider Single Sign-On URL” here"),
        ("https://accounts.google.com/o/saml2?idpid=C01", "Enter “SSO URL” here"),
        ("http://fs.acme.example/adfs/services/trust", "for example https://<host>/adfs/ls/."),
        ("https://h.example/realms/acme", "This is the issuer of Keycloak"),
        ("https://app.onelogin.com/saml/metadata/5f1c", "Enter “SAML 2.0 Endpoint (HTTP)” here"),
        # a dashboard's link
        ("https://acme.okta.com/home/acme_inocx_1/0oa1/aln1", "This link starts a sign-in from the dashboard of Okta, without our request. Copy “Identity Provider Single Sign-On URL” from there instead."),
        ("https://ping.example:9031/idp/startSSO.ping?PartnerSpId=x", "dashboard of PingFederate"),
        ("https://accounts.google.com/o/saml2/initsso?idpid=C01&spid=1", "Copy “SSO URL” from there instead."),
        ("https://myapps.microsoft.com/signin/x/y", "Copy “Login URL” from there instead."),
        ("https://account.activedirectory.windowsazure.com/applications/signin/x/y", "Copy “Login URL” from there"),
        ("https://auth.acme.example/application/saml/inocx/sso/binding/init/", "from the identity provider's dashboard"),
        ("https://auth.pingone.eu/0f6b/saml20/idp/startsso?spEntityId=x", "Copy the identity provider's single sign-on address (SSO URL)"),
        ("https://acme.my.salesforce.com/idp/login?app=0sp1", "Copy the identity provider's single sign-on address (SSO URL)"),
        ("https://idp.example/idp/profile/SAML2/Unsolicited/SSO?providerId=x", "from the identity provider's dashboard"),
        ("https://idp.example/simplesaml/saml2/idp/initSSO.php?spentityid=x", "from the identity provider's dashboard"),
        # the wrong host
        (OKTA_SSO.replace("acme.okta", "acme-admin.okta"), "Remove “-admin” from the address"),
        ("https://login.microsoftonline.com/common/saml2", "“common” means any company's"),
        ("https://login.microsoftonline.com/Organizations/saml2", "“Organizations” means"),
        # metadata
        ("https://fs.acme.example/FederationMetadata/2007-06/FederationMetadata.xml", "This is the address of the identity provider's metadata."),
        (f"https://login.microsoftonline.com/{TENANT}/federationmetadata/2007-06/federationmetadata.xml?appid=1", "Paste it into the box “Paste anything”"),
        (f"{OKTA_SSO}/metadata", "This is the address of the identity provider's metadata."),
        ("https://idp.example/metadata", "This is the address of the identity provider's metadata"),
        # what no browser is sent to
        ("http://idp.example/saml/sso", "it must start with “https://”"),
        ("javascript:alert(1)", "This is not a web address that a browser could open"),
        ("urn:acme:idp", "This is not a web address that a browser could open"),
    ],
)  # fmt: skip
def test_wrong_in_the_endpoint(endpoint: str, says: str) -> None:
    (mistake,) = (each for each in found(endpoint=endpoint) if each.is_error)
    assert mistake.field == "endpoint"
    assert says in mistake.sentence


@pytest.mark.parametrize(
    ("issuer_url", "says"),
    [
        (ENTRA_SSO, "This is the sign-on address of Microsoft Entra ID, which belongs in Endpoint. Enter “Microsoft Entra Identifier” here, for example https://sts.windows.net/<tenant>/."),
        (OKTA_SSO, "Enter “Identity Provider Issuer” here, for example http://www.okta.com/<key>."),
        ("https://accounts.google.com/o/saml2/idp?idpid=C01", "Enter “Entity ID” here"),
        ("https://fs.acme.example/adfs/ls/", "for example http://<host>/adfs/services/trust."),
        ("https://h.example/realms/acme/protocol/saml", "sign-on address of Keycloak"),
        (ENTRA.rstrip("/"), f"Microsoft's identifier ends in a slash: {ENTRA}."),
        ("https://sts.windows.net/{tenantid}/", "This contains a placeholder."),
        ("https://<root>/realms/acme", "This contains a placeholder."),
        ("https://fs.acme.example/FederationMetadata/2007-06/FederationMetadata.xml", "The issuer is read from there"),
    ],
)  # fmt: skip
def test_wrong_in_the_issuer(issuer_url: str, says: str) -> None:
    (mistake,) = (each for each in found(issuer_url=issuer_url) if each.is_error)
    assert mistake.field == "issuer_url"
    assert says in mistake.sentence


@pytest.mark.parametrize("field", ["issuer_url", "endpoint"])
def test_our_own_addresses_pasted_back(field: str) -> None:
    for ours in (
        addresses.identity(),
        f"{addresses.identity()}/",
        addresses.reply_url(),
        addresses.reply_url().upper(),
        addresses.login_address("acme"),
    ):
        (mistake,) = found(**{field: ours})
        assert mistake.field == field
        assert mistake.is_error
        assert "This is our own address" in mistake.sentence


@pytest.mark.parametrize(
    ("issuer_url", "endpoint", "field", "says"),
    [
        (OKTA.replace("http:", "https:"), OKTA_SSO, "issuer_url", f"The issuer of Okta is usually written {OKTA}. Every letter counts, so check it there again."),
        ("https://fs.example/adfs/services/trust", "https://fs.example/adfs/ls/", "issuer_url", "usually written http://fs.example/adfs/services/trust"),
        ("http://fs.example/adfs/services/trust/", "https://fs.example/adfs/ls/", "issuer_url", "usually written http://fs.example/adfs/services/trust."),
        (SSO, SSO, "endpoint", "The Issuer URL and the Endpoint are the same"),
        ("https://p.example:9031/idp/SSO.saml2", "https://p.example:9031/idp/SSO.saml2", "endpoint", "The Issuer URL and the Endpoint are the same"),
        (ENTRA, OKTA_SSO, "issuer_url", "The issuer looks like Microsoft Entra ID, and the endpoint like Okta. Check"),
        ("http://www.okta.com/exk2", OKTA_SSO, "issuer_url", "The issuer names exk2, and the endpoint exk1"),
        (ENTRA, ENTRA_SSO.replace("0f6b", "1f6b"), "issuer_url", f"The issuer names {TENANT}, and"),
    ],
)  # fmt: skip
def test_doubtful_and_may_be_saved(issuer_url: str, endpoint: str, field: str, says: str) -> None:
    (mistake,) = found(issuer_url, endpoint)
    assert mistake.field == field
    assert not mistake.is_error
    assert says in mistake.sentence


@pytest.mark.parametrize(
    ("issuer_url", "endpoint"),
    [
        (ISSUER, SSO),
        ("", ""),
        (ISSUER, ""),
        ("", SSO),
        ("urn:acme:idp", SSO),
        ("http://idp.example/saml", SSO),
        ("https://idp.example/saml2/idp/metadata.php", "https://idp.example/saml2/idp/SSOService.php"),
        ("https://idp.example/metadata", SSO),
        # A tenant may be called by its domain too, and Entra can put the application behind it.
        (ENTRA, "https://login.microsoftonline.com/acme.example/saml2"),
        (f"{ENTRA}{TENANT}", ENTRA_SSO),
        # A company that is called so, elsewhere than at Okta.
        (ISSUER, "https://acme-admin.example/saml/sso"),
        # PingFederate's operator chooses the issuer.
        ("https://p.example:9031", "https://p.example:9031/idp/SSO.saml2"),
    ],
)  # fmt: skip
def test_what_may_be_right(issuer_url: str, endpoint: str) -> None:
    assert [each for each in found(issuer_url, endpoint) if each.is_error] == []
    assert found(issuer_url, endpoint) == []


@pytest.mark.parametrize(
    "document",
    [
        published.google,
        published.entra,
        published.okta,
        published.adfs,
        published.onelogin,
        published.jumpcloud,
        published.keycloak,
        published.pingfederate,
    ],
)
def test_nothing_is_wrong_with_what_metadata_says(document: object) -> None:
    assert callable(document)
    understood = read(document())
    assert found(understood.issuer_url, understood.endpoint) == []


# --- other connectors ---------------------------------------------------------------------------


def test_another_connector_of_this_issuer_is_a_note(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    for number in range(3):
        Connector.objects.create(name=f"Hub {number}", reference=f"hub{number}", issuer_url=ISSUER)
    Connector.objects.create(name="Case", reference="case", issuer_url=ISSUER.upper())
    by_openid = Connector(
        name="Another type",
        reference="openid",
        type=ConnectorType.OAUTH2,
        authentication_method="oidc",
        options={"issuer": ISSUER},
    )
    by_openid.save()
    assert by_openid.issuer_url == ISSUER
    draft = Connector(name="Acme", issuer_url=ISSUER, endpoint=SSO)
    with django_assert_num_queries(1):
        (mistake,) = mistakes(draft)
    assert mistake == Mistake(
        "issuer_url",
        "Other connectors with this issuer: “Hub 0”, “Hub 1”, “Hub 2”. If this is intended, no action is needed.",
        is_error=False,
    )
    stored = Connector.objects.create(name="Acme", reference="acme", issuer_url=ISSUER)
    assert mistakes(stored) == [mistake]
    other = Connector.objects.get(reference="hub1")
    (mistake,) = mistakes(other)
    assert "“Acme”, “Hub 0”, “Hub 2”." in mistake.sentence
    Connector.objects.create(name="Zoo", reference="zoo", issuer_url=ISSUER)
    (mistake,) = mistakes(other)
    assert "“Acme”, “Hub 0”, “Hub 2”…" in mistake.sentence


def test_only_saml(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(0):
        assert mistakes(Connector(type=ConnectorType.OAUTH2, issuer_url=OKTA_SSO)) == []
    with django_assert_num_queries(0):
        assert mistakes(Connector(endpoint=SSO)) == []


@pytest.mark.parametrize(
    ("issuer_url", "endpoint"),
    [
        ("https://idp.example/saml/sso", "https://idp.example"),
        ("https://idp.example/saml2/login", "https://idp.example/"),
        ("https://idp.example/idp/sso?x=1", "https://idp.example/saml/entity-id"),
    ],
)
def test_a_swapped_pair_of_one_that_nobody_knows(issuer_url: str, endpoint: str) -> None:
    (mistake,) = mistakes(Connector(issuer_url=issuer_url, endpoint=endpoint))
    assert mistake.field == "endpoint"
    assert mistake.sentence.startswith("The Issuer URL and the Endpoint seem to be swapped: ")
    assert not mistake.is_error, "nobody can be sure"
    assert mistakes(Connector(issuer_url=endpoint, endpoint=issuer_url)) == []
