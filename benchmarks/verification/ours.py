"""The product: SamlAnswer(...).complete(...), every check included, without HTTP and database."""

from sso_connectors.protocols.saml2.response import SamlAnswer
from sso_connectors.results.checks import Checks
from tests.sso_connectors.protocols.saml2.reading import begun

from ..worker import Answering, Message
from .scene import Mode, Scene, answering


def start(setup: Message) -> Answering:
    scene = Scene(**setup["scene"])
    pending = begun(
        certificates=scene.certificate, issuer_url=scene.idp_entity_id, endpoint=scene.sso_url
    )
    pending.request_id = scene.request_id

    def verify(form_value: str, mode: Mode) -> str:
        return SamlAnswer(form_value).complete(pending, Checks()).username

    return answering(verify, wanted=setup["wanted"])
