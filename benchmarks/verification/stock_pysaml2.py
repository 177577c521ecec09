"""pysaml2 as it comes: the program xmlsec1 does the verifying, started for each signature."""

from functools import cache

from saml2 import BINDING_HTTP_POST
from saml2.client import Saml2Client
from saml2.config import SPConfig

from ..worker import Answering, Message
from .scene import Mode, Scene, answering


def start(setup: Message) -> Answering:
    scene = Scene(**setup["scene"])

    @cache
    def client(mode: Mode) -> Saml2Client:
        configuration = SPConfig()
        configuration.load(
            {
                "entityid": scene.sp_entity_id,
                "xmlsec_binary": setup["xmlsec1"],
                "metadata": {"inline": [scene.idp_metadata]},
                "service": {
                    "sp": {
                        "endpoints": {
                            "assertion_consumer_service": [(scene.acs_url, BINDING_HTTP_POST)]
                        },
                        "want_assertions_signed": mode != "response",
                        "want_response_signed": mode != "assertion",
                        "allow_unsolicited": False,
                    }
                },
            }
        )
        return Saml2Client(config=configuration)

    def verify(form_value: str, mode: Mode) -> str:
        outstanding = {scene.request_id: "/"}
        response = client(mode).parse_authn_request_response(
            form_value, BINDING_HTTP_POST, outstanding
        )
        if response is None:
            raise ValueError("refused")
        return str(response.name_id.text)

    return answering(verify, wanted=setup["wanted"])
