"""Tokens whose link is gone are revoked at the provider, and deleted here whatever it says.

Nothing is asked inside a transaction, nor for long in anybody's request: right after the commit a few are
revoked, and `sso_cleanup` does the rest, and what failed, up to MAX_TRIES times.
"""

import logging
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import Q
from django.db.models.signals import post_delete, post_save, pre_delete
from django.dispatch import receiver
from django.utils import timezone
from social_core.exceptions import AuthCredentialError, SocialAuthBaseException

from users.models import User

from ...models import Connector, Link
from ...models.token import Token
from ...network import http_client
from ...providers import PROVIDERS, Client
from ...results.errors import LoginError
from ...secrets.encryption import UnreadableSecret
from .protocol import client_of

logger = logging.getLogger(__name__)

# In the request that removed a link: as many, begun within as many seconds.
AT_ONCE: Final = 3
SECONDS_AT_ONCE: Final = 3.0
SECONDS_TO_ASK: Final = 10.0
MAX_TRIES: Final = 10
BETWEEN_TRIES: Final = timedelta(minutes=30)


@dataclass
class Revoked:
    """How many were `done` with, at the provider or because it has no use for them; `failed`, to be
    tried again; `given_up`.
    """

    done: int = 0
    failed: int = 0
    given_up: int = 0

    @property
    def any(self) -> int:
        return self.done + self.failed + self.given_up


def revoke_waiting(*, limit: int, seconds: float) -> Revoked:
    """Revoke tokens whose link is gone, `limit` at most, and begin none after `seconds`.

    Safe to run twice at once. A provider that fails is not asked again in this run.
    """
    result, until, away = Revoked(), time.monotonic() + seconds, set[str]()
    due = Token.to_revoke().filter(
        Q(failed_at=None) | Q(failed_at__lt=timezone.now() - BETWEEN_TRIES)
    )
    for pk in list(due.values_list("pk", flat=True)[:limit]):
        if time.monotonic() >= until:
            break
        token = Token.objects.filter(pk=pk).select_related("connector").first()
        if token is None or token.issuer in away or not token.take_lease():
            continue
        cause = _revoke(token)
        if not cause:
            result.done += 1
            token.delete()
            continue
        away.add(token.issuer)
        _log("A token was not revoked", token, cause)
        token.tries += 1
        if token.tries < MAX_TRIES:
            result.failed += 1
            Token.objects.filter(pk=pk).update(
                tries=token.tries, lease_until=None, failed_at=timezone.now(), reason=cause
            )
        else:
            result.given_up += 1
            _log("A token is given up; it may work until it expires", token, cause)
            token.delete()
    return result


def _revoke(token: Token) -> str:
    """Return why it failed, "" when there is nothing more to do."""
    try:
        client, method = _client(token)
        if client is None:
            _log(
                "A token was dropped: its client is not known any more", token, "connector_changed"
            )
            return ""
        with http_client.within(SECONDS_TO_ASK):
            PROVIDERS[method](client).revoke(token.grant())
    except UnreadableSecret:
        return "secret_unreadable"
    except AuthCredentialError:  # the provider doesn't know it (any more)
        return ""
    except (SocialAuthBaseException, LoginError) as error:
        return error.code
    return ""


def _client(token: Token) -> tuple[Client | None, str]:
    """As whom to ask, and by which method: as the connector, or as it was when it was deleted."""
    connector = token.connector
    if connector is None and token.method in PROVIDERS and token.client_secret:
        client = Client(
            client_id=token.client_id,
            client_secret=token.client_secret.reveal(),
            issuer=token.issuer,
            options=token.options,
        )
        return client, token.method
    if connector is not None and token.belongs_to(
        issuer=connector.issuer_url, client_id=connector.client_id
    ):
        return client_of(connector), connector.authentication_method
    return None, ""


def _log(message: str, token: Token, cause: str) -> None:
    reference = token.connector.reference if token.connector else ""
    logger.warning(message, extra={"connector": reference, "cause": cause})


# --- when it is due -------------------------------------------------------------------------------


def _revoke_some() -> None:
    revoke_waiting(limit=AT_ONCE, seconds=SECONDS_AT_ONCE)


def revoke_soon() -> None:
    """After the commit, once however many links go in it."""
    connection = transaction.get_connection()
    if not any(_revoke_some in entry for entry in connection.run_on_commit):
        transaction.on_commit(_revoke_some, robust=True)


@receiver(pre_delete, sender=Connector)
def keep_client(sender: type[Connector], instance: Connector, **kwargs: Any) -> None:
    """The connector's tokens must be revoked by the client that it was."""
    Token.objects.filter(
        connector=instance, issuer=instance.issuer_url, client_id=instance.client_id
    ).update(
        method=instance.authentication_method,
        options=instance.options,
        client_secret=instance.client_secret,
    )


@receiver(post_delete, sender=Link)
def revoke_of_link(sender: type[Link], instance: Link, **kwargs: Any) -> None:
    revoke_soon()


@receiver(post_save, sender=User)
def revoke_of_inactive(sender: type[User], instance: User, **kwargs: Any) -> None:
    if not instance.is_active and Token.cut_loose(link__user=instance):
        revoke_soon()


def revoke_of_all_inactive() -> None:
    """For bulk writes, which deactivate users past `save()`."""
    if Token.cut_loose(link__user__is_active=False):
        revoke_soon()
