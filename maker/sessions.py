"""Sessions in the database, written once at a sign-in (settings.SESSION_ENGINE)."""

from django.contrib.sessions.backends.base import VALID_KEY_CHARS
from django.contrib.sessions.backends.db import SessionStore as DatabaseSessionStore
from django.utils.crypto import get_random_string


class SessionStore(DatabaseSessionStore):
    """Django's, less the empty row that it stores first and writes again at the request's end.

    A new key (165 random bits) is drawn without asking first whether it is taken: storing it insists
    on a new row, and Django then draws another.
    """

    def cycle_key(self) -> None:
        """Change the key (session fixation); a session that isn't stored yet is given its first."""
        if self.session_key is None:
            self.modified = True
        else:
            super().cycle_key()

    def _get_new_session_key(self) -> str:
        return get_random_string(32, VALID_KEY_CHARS)
