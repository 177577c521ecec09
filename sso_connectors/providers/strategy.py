"""social-core's strategy, with nothing behind it but one pending login."""

from typing import Any

from social_django.strategy import DjangoStrategy


class ClientStrategy(DjangoStrategy):
    """Settings are the provider's own constants, never the project's; a session is a plain dict."""

    def __init__(self, memory: dict[str, Any], received: dict[str, Any]) -> None:
        # Without storage, which could only be asked about other people's logins.
        super().__init__(None)
        self._memory = memory
        self._received = received

    def setting(self, name: str, default: Any = None, backend: Any = None) -> Any:
        # social-core would look for unprefixed names too, and find another connector's.
        return default

    def request_data(self, merge: bool = True) -> dict[str, Any]:
        return self._received

    def build_absolute_uri(self, path: str | None = None) -> str:
        return path or ""

    def session_get(self, name: str, default: Any = None) -> Any:
        return self._memory.get(name, default)

    def session_set(self, name: str, value: Any) -> None:
        self._memory[name] = value

    def session_pop(self, name: str) -> Any:
        return self._memory.pop(name, None)
