"""django-allauth, filled: an organisation for each customer; the users are there, and linked."""

from collections.abc import Sequence

from django.apps import apps
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User

from .roster import Roster, entity_id, reference


def fill(roster: Roster, certificates: Sequence[str]) -> None:
    """An organisation for each certificate, and the roster's agents, each linked to theirs."""
    social = apps.get_app_config("socialaccount")
    organisation, account = social.get_model("SocialApp"), social.get_model("SocialAccount")
    organisation._default_manager.bulk_create(
        organisation(
            provider="saml",
            provider_id=entity_id(number),
            name=f"Customer {number}",
            client_id=reference(number),
            settings={
                "idp": {
                    "entity_id": entity_id(number),
                    "sso_url": "https://idp.example/sso",
                    "x509cert": certificate,
                },
                "advanced": {"want_assertion_signed": True},
            },
        )
        for number, certificate in enumerate(certificates)
    )
    names = [roster.username(agent) for agent in range(roster.agents)]
    users = User.objects.bulk_create(
        User(username=name, email=name, password=make_password(None)) for name in names
    )
    account._default_manager.bulk_create(
        account(user=user, provider=entity_id(roster.connector(agent)), uid=user.username)
        for agent, user in enumerate(users)
    )
