"""What the product makes of an answer, without HTTP and without a database."""

from dataclasses import dataclass
from typing import Any, Final

from django.utils import timezone

from sso_connectors.models import Connector
from sso_connectors.models.pending_login import PendingLogin
from sso_connectors.protocols.saml2.authn_request import authn_request
from sso_connectors.protocols.saml2.response import SamlAnswer
from sso_connectors.results.checks import Check, Checks
from sso_connectors.results.errors import LoginError
from sso_connectors.results.identity import Identity
from tests.idp import IdP, ReceivedRequest, SigningKey, default_key, read_redirect

IDP: Final = IdP()
ALICE: Final = "alice@acme.example"


@dataclass(frozen=True)
class Reading:
    """What came of an answer: an identity or our own refusal, never both; and the checks made."""

    identity: Identity | None
    refusal: LoginError | None
    checks: Checks

    @property
    def failed(self) -> list[str]:
        return [check.name for check in self.checks.failed]

    def check(self, name: str) -> Check:
        """The one check of that name."""
        (found,) = [check for check in self.checks.items if check.name == name]
        return found


def begun(*keys: SigningKey, **fields: Any) -> PendingLogin:
    """A login begun just now, unsaved, through a connector that trusts the `keys`."""
    connector = Connector(
        **{
            "reference": "acme",
            "enabled": True,
            "issuer_url": IDP.entity_id,
            "endpoint": IDP.sso_url,
            "certificates": "".join(key.pem for key in keys or [default_key()]),
            **fields,
        }
    )
    return PendingLogin(request_id="_request", connector=connector, created_at=timezone.now())


def asked(pending: PendingLogin) -> ReceivedRequest:
    """Our request, as the identity provider reads it."""
    return read_redirect(authn_request(pending.connector, pending).url)


def read(form_value: str, pending: PendingLogin) -> Reading:
    """Read what was posted as the answer to `pending`. Only our own refusals are caught."""
    checks = Checks()
    try:
        return Reading(SamlAnswer(form_value).complete(pending, checks), None, checks)
    except LoginError as error:
        return Reading(None, error, checks)


def answered(pending: PendingLogin, *, idp: IdP = IDP, **lies: Any) -> Reading:
    """Let `idp` answer the request, with `lies`, and read that."""
    return read(idp.respond(asked(pending), **lies), pending)
