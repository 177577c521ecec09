"""Sessions that came through a connector live no longer than the link that admitted them."""

from datetime import datetime, timedelta
from typing import Any, Final, cast

from django.contrib import auth
from django.contrib.auth.backends import BaseBackend, ModelBackend
from django.contrib.auth.middleware import (
    AuthenticationMiddleware as DjangoAuthenticationMiddleware,
)
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.functional import SimpleLazyObject

from users.models import User

from ..models import Connector, Link
from ..models.link import obstacle
from ..results.identity import Identity

MAX_SESSION: Final = timedelta(hours=12)
_LINK: Final = "sso_link"
# Another one whenever the connector is switched off, so that no session comes back.
_EPOCH: Final = "sso_epoch"
_KEY: Final = "sso_key"


class PasswordBackend(ModelBackend):
    """Passwords are for those who have no other way in, and for superusers when all else fails.

    A second way in beside the company's own would outlive the account there.
    """

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **credentials: Any,
    ) -> User | None:
        user = super().authenticate(request, username=username, password=password)
        if user is None or user.is_superuser:
            return user
        links = Link.objects.filter(user=user).select_related("user", "connector")
        return None if any(not obstacle(link) for link in links) else user


class ConnectorBackend(BaseBackend):
    """Names the sessions that came through a connector.

    It finds no user by itself: who asks Django for the user of such a session without going through
    AuthenticationMiddleware below, which looks at the link, gets nobody.
    """

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> None:
        return None

    def get_user(self, user_id: Any) -> None:
        return None


BACKEND: Final = f"{ConnectorBackend.__module__}.{ConnectorBackend.__qualname__}"


def limit_session(sender: type[User], request: HttpRequest, user: User, **kwargs: Any) -> None:
    """Give a new session its last moment (receiver of `user_logged_in`).

    Without one, each page that stores the session (a message is enough) would begin its 12 hours anew.
    """
    request.session.set_expiry(timezone.now() + MAX_SESSION)


def _is_over(session: SessionBase) -> bool:
    """Whether the session's last moment has passed; one without a last moment would never end."""
    ends = session.get("_session_expiry")  # what `set_expiry` keeps: ISO 8601
    return not isinstance(ends, str) or datetime.fromisoformat(ends) <= timezone.now()


def start_session(request: HttpRequest, link: Link, identity: Identity) -> None:
    """Sign the link's user in; the session's key and CSRF token change (session fixation)."""
    auth.login(request, link.user, backend=BACKEND)
    request.session[_LINK] = link.pk
    request.session[_EPOCH] = link.connector.session_epoch
    request.session[_KEY] = link.connector.key_of(identity.key)
    end = timezone.now() + MAX_SESSION
    request.session.set_expiry(min(end, identity.not_after) if identity.not_after else end)


def _began_with_stolen_key(session: SessionBase, connector: Connector) -> bool:
    """Whoever has an identity provider's key signs in as anybody; removing it ends no session by itself.

    A session that doesn't know its key began before that was kept, or while the certificate was removed.
    """
    key = session.get(_KEY)
    return bool(connector.stolen_keys) and (key is None or key in connector.stolen_keys)


def user_of(request: HttpRequest) -> User | AnonymousUser:
    """The session's user; a session whose link no longer lets its user in is ended."""
    session = request.session
    if auth.SESSION_KEY in session and _is_over(session):
        session.flush()
        return AnonymousUser()
    if session.get(auth.BACKEND_SESSION_KEY) != BACKEND:
        return auth.get_user(request)
    links = Link.objects.filter(pk=session.get(_LINK, 0)).select_related("user", "connector")
    link = next(iter(links), None)
    if (
        link is None
        or obstacle(link)
        or session.get(_EPOCH) != link.connector.session_epoch
        or _began_with_stolen_key(session, link.connector)
        or not constant_time_compare(
            session.get(auth.HASH_SESSION_KEY, ""), link.user.get_session_auth_hash()
        )
    ):
        session.flush()
        return AnonymousUser()
    link.user.backend = BACKEND
    return link.user


class AuthenticationMiddleware(DjangoAuthenticationMiddleware):
    def process_request(self, request: HttpRequest) -> None:
        super().process_request(request)
        request.user = cast(User, SimpleLazyObject(lambda: user_of(request)))
