"""A storm counts as a login only what ended on that very agent's page."""

import zlib
from dataclasses import dataclass, field
from urllib.parse import urlencode

import pytest

from benchmarks.storm.browser import Browser, LoginLost, Reply
from benchmarks.storm.login import STEPS, WrongPerson, sign_in
from tests.idp import IdP, form_value

ME = "agent-000001@customer-0001.example"
ANOTHER = "agent-000011@customer-0001.example"
REQUEST = (
    '<samlp:AuthnRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="_1" Version="2.0"'
    ' IssueInstant="2026-01-01T09:00:00Z" AssertionConsumerServiceURL="/callback"/>'
)


@dataclass
class Scripted(Browser):
    """Answers what it is told to, in turn."""

    replies: list[Reply]
    posted: list[str] = field(default_factory=list)

    def get(self, url: str) -> Reply:
        return self.replies.pop(0)

    def post(self, url: str, saml_response: str) -> Reply:
        self.posted.append(url)
        return self.replies.pop(0)


def site(idp: IdP, *, page: str, status: int = 200, fails_at: int | None = None) -> Scripted:
    """A site that leads to `page`; at the step `fails_at` it has a page where it should lead on."""
    query = urlencode({"SAMLRequest": deflated(REQUEST)})
    replies = [
        Reply(302, f"{idp.sso_url}?{query}", ""),
        Reply(303, "/callback?handle=1", ""),
        Reply(302, "/", ""),
        Reply(status, "", page),
    ]
    if fails_at is not None:
        replies[fails_at] = Reply(403, "", "You are not signed in")
    return Scripted(replies)


def deflated(xml: str) -> str:
    compressor = zlib.compressobj(wbits=-15)
    return form_value(compressor.compress(xml.encode()) + compressor.flush())


def enter(browser: Scripted, idp: IdP) -> float:
    return sign_in(browser, login_address="/login", idp=idp, username=ME)


def test_own_page_is_a_login(idp: IdP) -> None:
    browser = site(idp, page=f"<b>{ME}</b>")
    assert enter(browser, idp) > 0, "signing costs something"
    assert browser.posted == ["/callback"]


def test_somebody_elses_page_is_no_login(idp: IdP) -> None:
    with pytest.raises(WrongPerson, match=ANOTHER):
        enter(site(idp, page=f"<b>{ANOTHER}</b>"), idp)


def test_page_of_two_people_is_no_login(idp: IdP) -> None:
    with pytest.raises(WrongPerson, match=ANOTHER):
        enter(site(idp, page=f"{ME} {ANOTHER}"), idp)


@pytest.mark.parametrize(("page", "status"), [("Welcome", 200), (ME, 500)])
def test_page_of_nobody_is_lost(idp: IdP, page: str, status: int) -> None:
    with pytest.raises(LoginLost, match=STEPS[3]):
        enter(site(idp, page=page, status=status), idp)


@pytest.mark.parametrize("step", range(3))
def test_step_that_leads_nowhere_is_lost(idp: IdP, step: int) -> None:
    with pytest.raises(LoginLost, match=STEPS[step]):
        enter(site(idp, page=ME, fails_at=step), idp)


def test_login_address_that_leads_past_the_identity_provider_is_lost(idp: IdP) -> None:
    browser = site(idp, page=ME)
    browser.replies[0] = Reply(302, "/sign-in", "")
    with pytest.raises(LoginLost, match="/sign-in"):
        enter(browser, idp)
