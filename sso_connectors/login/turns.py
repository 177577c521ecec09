"""An agent whose identity provider has no place left comes again by itself, for a while, and loses nothing by it."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

from django.http import HttpRequest

from ..models.pending_login import PendingLogin
from ..network import exchanges
from ..protocols import PROTOCOLS
from ..results.errors import IdentityProviderAway

# How often, every two or three seconds: a handle lives for 60 seconds, and codes of some providers not much longer.
MOST_WAITS: Final = 16


def waits_so_far(request: HttpRequest) -> int:
    """How often this browser has been told to come again: what it says itself, since it only waits longer."""
    said = request.GET.get("waited", "")
    return int(said) if said.isascii() and said.isdigit() and len(said) < 4 else 0


@contextmanager
def last_wait_fails(request: HttpRequest | None = None) -> Iterator[None]:
    """Let HostBusy out while the browser may come again; then, and where it can't, it is the provider's failure."""
    try:
        yield
    except exchanges.HostBusy as busy:
        if request is not None and waits_so_far(request) < MOST_WAITS:
            raise
        raise IdentityProviderAway(
            "The identity provider answers too slowly: too many sign-ins are waiting for it already."
        ) from busy


class Turn:
    """A login's place among those that ask the same identity provider, held as long as `held` is.

    Taken before the login is claimed, so that who must come again loses nothing. Who has waited for too long
    claims it all the same, and only to fail: it ends, and the attempt says why.
    """

    def __init__(self, request: HttpRequest, held: ExitStack) -> None:
        self._request, self._held = request, held
        self._why_not: IdentityProviderAway | None = None

    def __call__(self, pending: PendingLogin) -> None:
        host = PROTOCOLS[pending.connector.type].host_to_ask(pending.connector)
        try:
            with last_wait_fails(self._request):
                self._held.enter_context(exchanges.under_way(host))
        except IdentityProviderAway as error:
            self._why_not = error

    def must_have_come(self) -> None:
        """Raises IdentityProviderAway."""
        if self._why_not is not None:
            raise self._why_not
