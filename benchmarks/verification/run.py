"""Verifying one answer: the same bytes to each contender, in each of three ways of signing."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Final, get_args

from tests.idp import IdP, ReceivedRequest, form_value

from ..contest import Contender, ContenderFailed, Ratio, Series, milliseconds, started, table
from ..product import ATTRIBUTES, BASE, CALLBACK, METADATA, environment
from .scene import Mode, Scene

MODES: Final[Sequence[Mode]] = get_args(Mode)
_NAME: Final = "alice@acme.example"
_REQUEST_ID: Final = "_0123456789abcdef0123456789abcdef01234567"
_HEADS: Final = {
    "assertion": "The assertion is signed",
    "response": "The response is signed",
    "both": "Both are signed",
}
OURS: Final = "**the product**, all checks"
FLOOR: Final = "the floor"


def run(*, rounds: int, seconds: float, xmlsec1: str) -> str:
    """Return the tables. `seconds`: how long each contender is measured in each round, about."""
    idp = IdP()
    scene = Scene(
        certificate=idp.key.pem,
        idp_metadata=idp.metadata(),
        idp_entity_id=idp.entity_id,
        sso_url=idp.sso_url,
        sp_entity_id=BASE + METADATA,
        acs_url=BASE + CALLBACK,
        request_id=_REQUEST_ID,
    )
    contenders = _contenders({"scene": asdict(scene), "wanted": _NAME, "xmlsec1": xmlsec1})
    if not xmlsec1:
        contenders[-1].missing = "the program xmlsec1 is not installed"
    running = started([each for each in contenders if not each.missing])
    request = ReceivedRequest(id=_REQUEST_ID, issuer=scene.sp_entity_id, acs_url=scene.acs_url)
    measured = {mode: {each.name: Series() for each in running} for mode in MODES}
    sizes: dict[str, int] = {}
    try:
        for number in range(rounds):
            sys.stderr.write(f"verification: round {number + 1} of {rounds}\n")
            for mode in MODES:
                answer = idp.answer(request, sign=mode, attributes=ATTRIBUTES)
                sizes[mode] = len(answer)
                for each in list(running):
                    try:
                        if number == 0:
                            _insist(each, answer, mode)
                        message = {"form": form_value(answer), "mode": mode, "seconds": seconds}
                        measured[mode][each.name].add(each.ask(message)["samples"])
                    except ContenderFailed as failure:
                        each.give_up(failure)
                        running.remove(each)
    finally:
        for each in running:
            each.stop()
    return "\n\n".join(
        f"### {_HEADS[mode]} ({sizes[mode]:,} bytes)\n\n{_table(contenders, measured[mode])}"
        for mode in MODES
    )


def _contenders(setup: dict[str, object]) -> list[Contender]:
    def contender(name: str, module: str, **settings: str) -> Contender:
        is_peer = name not in (FLOOR, OURS)
        return Contender(name, f"benchmarks.verification.{module}", setup, settings, is_peer)

    return [
        contender(FLOOR, "floor"),
        contender("signxml alone", "signxml_alone"),
        contender(OURS, "ours", **environment("sqlite://:memory:")),
        contender("python3-saml", "python3_saml"),
        contender("pysaml2 with xmlsec1", "stock_pysaml2"),
    ]


def _insist(contender: Contender, answer: bytes, mode: Mode) -> None:
    """A contender that takes an altered answer verifies nothing, however fast."""
    altered = answer.replace(_NAME.encode(), b"mallory@acme.example")
    if altered == answer:
        raise AssertionError("nothing was altered")
    message = {"form": form_value(altered), "mode": mode, "tampered": True}
    if contender.ask(message)["accepted"]:
        raise AssertionError(f"{contender.name} accepts an altered answer")


def _table(contenders: Sequence[Contender], measured: Mapping[str, Series]) -> str:
    floor, ours = measured[FLOOR], measured[OURS]
    rows: list[list[object]] = []
    for each in contenders:
        if each.missing:
            rows.append([f"{each.name}: not measured, {each.missing}", *[""] * 4])
            continue
        series = measured[each.name]
        rows.append(
            [
                each.name,
                milliseconds(series.processor),
                Ratio.of(series.processor, floor.processor),
                Ratio.of(series.processor, ours.processor),
                Ratio.of(series.clock, ours.clock),
            ]
        )
    return table(["", "ms", "× the floor", "× the product", "× the product, by the clock"], rows)
