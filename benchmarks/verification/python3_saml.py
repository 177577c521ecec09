"""python3-saml (xmlsec inside the process), strict."""

from functools import cache
from typing import Any

from onelogin.saml2.constants import OneLogin_Saml2_Constants
from onelogin.saml2.response import OneLogin_Saml2_Response
from onelogin.saml2.settings import OneLogin_Saml2_Settings

from ..worker import Answering, Message
from .scene import Mode, Scene, answering


def start(setup: Message) -> Answering:
    scene = Scene(**setup["scene"])
    host, _, path = scene.acs_url.removeprefix("http://").partition("/")
    request = {"https": "off", "http_host": host, "script_name": f"/{path}"}

    @cache
    def settings(mode: Mode) -> Any:
        return OneLogin_Saml2_Settings(
            {
                "strict": True,
                "sp": {
                    "entityId": scene.sp_entity_id,
                    "assertionConsumerService": {
                        "url": scene.acs_url,
                        "binding": OneLogin_Saml2_Constants.BINDING_HTTP_POST,
                    },
                },
                "idp": {
                    "entityId": scene.idp_entity_id,
                    "singleSignOnService": {"url": scene.sso_url},
                    "x509cert": scene.certificate,
                },
                "security": {
                    "wantAssertionsSigned": mode != "response",
                    "wantMessagesSigned": mode != "assertion",
                    "rejectDeprecatedAlgorithm": True,
                },
            }
        )

    def verify(form_value: str, mode: Mode) -> str:
        response = OneLogin_Saml2_Response(settings(mode), form_value)
        if not response.is_valid(request, scene.request_id):
            raise ValueError(response.get_error())
        return str(response.get_nameid())

    return answering(verify, wanted=setup["wanted"])
