"""django-allauth's SAML: an organisation for each customer; the user is there already, and linked."""

from django.apps import apps
from django.contrib.auth.models import User
from django.core.management import call_command

from tests.idp import IdP

from ..worker import Answering, Message
from .visit import Visit, answering

_NAME = "alice@acme.example"


def start(setup: Message) -> Answering:
    call_command("migrate", verbosity=0)
    social = apps.get_app_config("socialaccount")
    organisation, account = social.get_model("SocialApp"), social.get_model("SocialAccount")
    user = User.objects.create_user(_NAME, _NAME)
    idps = [
        IdP(entity_id=f"https://idp.example/saml/{number}") for number in range(setup["connectors"])
    ]
    organisation._default_manager.bulk_create(
        organisation(
            provider="saml",
            provider_id=idp.entity_id,
            name=f"Customer {number}",
            client_id=f"customer-{number}",
            settings={
                "idp": {
                    "entity_id": idp.entity_id,
                    "sso_url": idp.sso_url,
                    "x509cert": idp.key.pem,
                },
                "advanced": {"want_assertion_signed": True},
            },
        )
        for number, idp in enumerate(idps)
    )
    account._default_manager.bulk_create(
        account(user=user, provider=idp.entity_id, uid=_NAME) for idp in idps
    )

    def visit(number: int) -> Visit:
        customer = number % len(idps)
        return Visit(f"/saml/customer-{customer}/login/", idps[customer], _NAME)

    return answering(visit)
