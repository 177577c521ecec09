"""Stock djangosaml2: its urls, views, backend and middleware; the user is there already."""

import os
from pathlib import Path

from django.contrib.auth.models import User
from django.core.management import call_command

from tests.idp import IdP

from ..worker import Answering, Message
from .visit import Visit, answering

_MD = "urn:oasis:names:tc:SAML:2.0:metadata"
_NAME = "alice@acme.example"


def start(setup: Message) -> Answering:
    idps = [
        IdP(entity_id=f"https://idp.example/saml/{number}") for number in range(setup["connectors"])
    ]
    entities = "".join(idp.metadata() for idp in idps)
    document = f'<EntitiesDescriptor xmlns="{_MD}">{entities}</EntitiesDescriptor>'
    Path(os.environ["BENCHMARK_METADATA"]).write_text(document, encoding="utf-8")
    call_command("migrate", verbosity=0)
    User.objects.create_user(_NAME, _NAME)

    def visit(number: int) -> Visit:
        idp = idps[number % len(idps)]
        return Visit(f"/saml2/login/?idp={idp.entity_id}", idp, _NAME)

    return answering(visit)
