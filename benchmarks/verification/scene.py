"""What the verifying contenders have in common: who asks, who answers, and what they are given."""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from ..worker import Answering, Message, Moment

Mode = Literal["assertion", "response", "both"]
Verify = Callable[[str, Mode], str]


@dataclass(frozen=True)
class Scene:
    """One identity provider, one service provider, one request under way. `certificate` is PEM."""

    certificate: str
    idp_metadata: str
    idp_entity_id: str
    sso_url: str
    sp_entity_id: str
    acs_url: str
    request_id: str


def answering(verify: Verify, *, wanted: str) -> Answering:
    """Measure `verify(form value, mode)`, which returns the name it read, or raises.

    A message with "tampered" is a proof that it verifies at all; another one is measured for that
    many seconds, and three times at least.
    """

    def answer(message: Message) -> Message:
        form_value, mode = message["form"], message["mode"]
        if message.get("tampered"):
            return {"accepted": _accepts(verify, form_value, mode)}
        if verify(form_value, mode) != wanted:  # also warms up
            raise AssertionError("the wrong name was read")
        samples: list[tuple[float, float]] = []
        begun = Moment.now()
        while len(samples) < 3 or begun.since()[1] < message["seconds"]:
            moment = Moment.now()
            verify(form_value, mode)
            samples.append(moment.since())
        return {"samples": samples}

    return answer


def _accepts(verify: Verify, form_value: str, mode: Mode) -> bool:
    try:
        verify(form_value, mode)
    except Exception:  # noqa: BLE001 - each library refuses in a class of its own
        return False
    return True


def xml_of(form_value: str) -> bytes:
    return base64.b64decode(form_value)
