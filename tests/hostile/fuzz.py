"""Change valid SAML responses in thousands of ways, and see that none of it lets anybody else in.

    python -m tests.hostile.fuzz [--mutants 100000] [--seed N] [--seconds N] [--mutant N]

An accepted mutant must yield exactly the identity, connector and request that an identity provider
vouched for, whatever is refused is refused by an error of ours, and signxml, asked about each
signature whose shape is right, agrees. Ends with status 1 at any fault;
the mutant is then in var/fuzz, and `--seed S --mutant N` makes it again.
"""

import argparse
import multiprocessing
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from copy import deepcopy
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from pathlib import Path
from random import Random
from typing import Final

from django.conf import settings
from lxml import etree

from sso_connectors.protocols.saml2.response import SamlAnswer
from sso_connectors.results.checks import Checks
from sso_connectors.results.errors import BadMessage, LoginError
from tests import idp as provider
from tests.referee import compare
from tests.rigs.process import say

from .octets import FIELD, OCTETS, Inapplicable
from .scene import Honest, Scene, scene
from .trees import FOREIGN, TREE, Draft

MUTANTS: Final = 100_000
PROCESSES: Final = 2
_BATCH: Final = 500
_SECONDS_BETWEEN_REPORTS: Final = 10
_SLOWEST: Final = 0.5
_MOST_FAULTS: Final = 20


class Verdict(StrEnum):
    """What became of a mutant. UNREAD and REFUSED are errors of ours, before and after parsing."""

    UNREAD = "unread"
    REFUSED = "refused"
    UNCHANGED = "unchanged"
    """Accepted, for what the honest response said."""
    ANOTHER = "another's"
    """Accepted, for what another honest response said, of which the mutant has parts."""
    RIVAL = "rival's"
    """Accepted at the connector whose operator is the attacker."""
    ASKED_AGAIN = "asked again"
    """It answers no login; nobody is signed in, and a new one begins."""
    FAULT = "FAULT"


@dataclass(frozen=True)
class Mutant:
    index: int
    base: Honest
    kinds: tuple[str, ...]
    field: str


@dataclass(frozen=True)
class Fault:
    mutant: int
    base: str
    kinds: tuple[str, ...]
    reason: str
    field: str


@dataclass
class Tally:
    """What became of many mutants: in all, and by kind of mutation."""

    verdicts: Counter[Verdict] = field(default_factory=Counter)
    kinds: Counter[tuple[str, Verdict]] = field(default_factory=Counter)
    faults: list[Fault] = field(default_factory=list)
    slowest: tuple[float, int] = (0.0, 0)
    """Seconds of processor time, and which mutant."""

    def add(self, other: "Tally") -> None:
        self.verdicts.update(other.verdicts)
        self.kinds.update(other.kinds)
        self.faults.extend(other.faults)
        self.slowest = max(self.slowest, other.slowest)


def make_mutant(stage: Scene, seed: int, index: int) -> Mutant:
    """The mutant of that number; it differs from the honest response that it was made of."""
    rng = Random(f"{seed}:{index}")  # noqa: S311 to be made again, not to be unguessable
    base = rng.choice(stage.honest)
    while True:
        kinds, value = _mutate(rng, stage, base)
        if value != base.field:
            return Mutant(index, base, kinds, value)


def _mutate(rng: Random, stage: Scene, base: Honest) -> tuple[tuple[str, ...], str]:
    count = rng.choices(range(1, 6), weights=[8, 5, 3, 2, 2])[0]
    levels = Counter(rng.choices(["tree", "octets", "field"], weights=[16, 4, 1], k=count))
    kinds = []
    draft = Draft(rng, stage, base, deepcopy(base.root))
    for _ in range(levels["tree"]):
        on_tree = rng.choice(TREE)
        try:
            on_tree(draft)
        except (Inapplicable, etree.LxmlError):
            continue  # the second: the rival cannot sign that, as where a namespace is relative
        kinds.append(on_tree.__name__)
    xml = etree.tostring(draft.root)
    for _ in range(levels["octets"]):
        on_octets = rng.choice(OCTETS)
        try:
            xml = on_octets(rng, xml)
        except Inapplicable:
            continue
        kinds.append(on_octets.__name__)
    value = provider.form_value(xml)
    for _ in range(levels["field"]):
        on_field = rng.choice(FIELD)
        value = on_field(rng, value)
        kinds.append(on_field.__name__)
    return tuple(kinds), value


class WrongPersonError(AssertionError):
    """Somebody would have been let in as another person, or through another connector."""


def judge(stage: Scene, mutant: Mutant) -> Verdict:
    """What the product makes of it; raises WrongPersonError, and lets foreign exceptions through."""
    foreign = not FOREIGN.isdisjoint(mutant.kinds)
    try:
        answer = SamlAnswer(mutant.field)
    except BadMessage:
        return Verdict.UNREAD
    pending = answer.find_pending()
    if pending is not None:
        for certificate in pending.connector.signing_certificates:
            compare(answer._root, certificate)
    try:
        if pending is None:
            references = tuple(each.reference for each in answer.meant_for())
            if references != mutant.base.connectors and not foreign:
                raise WrongPersonError(f"{references} are said to vouch for it.")
            return Verdict.ASKED_AGAIN
        identity = answer.complete(pending, Checks())
    except LoginError:
        return Verdict.REFUSED
    login = stage.logins[pending.request_id]
    if login is mutant.base.login and identity == login.identity:
        return Verdict.UNCHANGED
    if foreign and login.identity is not None and identity == login.identity:
        return Verdict.ANOTHER
    if foreign and login.identity is None and identity.key == stage.rival_key.fingerprint:
        return Verdict.RIVAL
    raise WrongPersonError(
        f"Accepted: {identity} for {pending.request_id} at {pending.connector.reference}; "
        f"vouched for: {login.identity}."
    )


def run(seed: int, indexes: Iterable[int]) -> Tally:
    """Make and judge those mutants."""
    stage, tally = scene(), Tally()
    with stage.in_place_of_the_database():
        for index in indexes:
            mutant = make_mutant(stage, seed, index)
            verdict, reason, seconds = _judged(stage, mutant)
            if seconds > _SLOWEST:
                # The machine may have been busy; slow twice is slow.
                seconds = min(seconds, _judged(stage, mutant)[2])
            if verdict is Verdict.FAULT:
                label = mutant.base.label
                tally.faults.append(Fault(index, label, mutant.kinds, reason, mutant.field))
            tally.slowest = max(tally.slowest, (seconds, index))
            tally.verdicts[verdict] += 1
            tally.kinds.update((kind, verdict) for kind in set(mutant.kinds))
    return tally


def _judged(stage: Scene, mutant: Mutant) -> tuple[Verdict, str, float]:
    """The verdict, the reason of a fault, and the seconds of processor time that it took."""
    began = time.process_time()
    verdict, reason = Verdict.FAULT, ""
    try:
        verdict = judge(stage, mutant)
    except Exception as error:  # noqa: BLE001 any that isn't ours is what is looked for
        reason = "".join(traceback.format_exception(error))
    return verdict, reason, time.process_time() - began


def _in_processes(seed: int, mutants: int, seconds: float | None) -> Iterator[Tally]:
    """Tallies as they come, until all mutants or the seconds are over."""
    deadline = None if seconds is None else time.monotonic() + seconds
    batches = iter(
        range(first, min(first + _BATCH, mutants)) for first in range(0, mutants, _BATCH)
    )
    scene()  # here, so that the forked processes need not make it again
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(PROCESSES, mp_context=context) as pool:
        running: set[Future[Tally]] = {
            pool.submit(run, seed, batch) for batch in islice(batches, 2 * PROCESSES)
        }
        while running:
            ready, running = wait(running, return_when=FIRST_COMPLETED)
            for each in ready:
                yield each.result()
                if deadline is None or time.monotonic() < deadline:
                    running |= {pool.submit(run, seed, batch) for batch in islice(batches, 1)}


def _report(tally: Tally) -> None:
    columns = list(Verdict)
    say(f"\n{'kind of mutation':<24}{'mutants':>9}" + "".join(f"{each:>13}" for each in columns))
    for kind in sorted({kind for kind, _ in tally.kinds}):
        counts = [tally.kinds[kind, each] for each in columns]
        say(f"{kind:<24}{sum(counts):>9}" + "".join(f"{count:>13}" for count in counts))
    counts = [tally.verdicts[each] for each in columns]
    say(f"{'all mutants':<24}{sum(counts):>9}" + "".join(f"{count:>13}" for count in counts))
    say("(a mutant of several kinds counts in the line of each)")


def _keep(fault: Fault, seed: int, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{seed}-{fault.mutant}.txt"
    file.write_text(
        f"python -m tests.hostile.fuzz --seed {seed} --mutant {fault.mutant}\n"
        f"{fault.base}: {' '.join(fault.kinds)}\n\n{fault.reason}\n{fault.field}\n",
        errors="backslashreplace",
    )
    last_line = fault.reason.strip().splitlines()[-1]
    say(f"FAULT seed {seed} mutant {fault.mutant} ({' '.join(fault.kinds)}): {last_line}")
    say(f"  see {file}")


def _show(seed: int, index: int) -> int:
    """One mutant, to look at."""
    mutant = make_mutant(scene(), seed, index)
    say(f"{mutant.base.label}: {' '.join(mutant.kinds)}\n{mutant.field!a}")
    tally = run(seed, [index])
    for fault in tally.faults:
        say(fault.reason)
    say(next(iter(tally.verdicts)))
    return int(bool(tally.faults))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--mutants", type=int, default=MUTANTS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, help="stop after that time, whatever is left")
    parser.add_argument("--mutant", type=int, help="make and judge only this one")
    options = parser.parse_args(arguments)
    if options.mutant is not None:
        return _show(options.seed, options.mutant)
    began = reported = time.monotonic()
    tally, kept = Tally(), 0
    for part in _in_processes(options.seed, options.mutants, options.seconds):
        tally.add(part)
        for fault in part.faults[: max(0, _MOST_FAULTS - kept)]:
            _keep(fault, options.seed, settings.VAR_DIR / "fuzz")
            kept += 1
        if time.monotonic() - reported > _SECONDS_BETWEEN_REPORTS:
            reported = time.monotonic()
            done = tally.verdicts.total()
            say(f"{done} of {options.mutants} mutants, {len(tally.faults)} faults")
    _report(tally)
    taken = time.monotonic() - began
    seconds, index = tally.slowest
    done = tally.verdicts.total()
    say(
        f"\n{done} mutants of seed {options.seed} in {taken:.0f} s: {len(tally.faults)} faults; "
        f"the slowest took {1000 * seconds:.0f} ms of processor time (mutant {index})."
    )
    return int(bool(tally.faults) or seconds > _SLOWEST)


if __name__ == "__main__":
    sys.exit(main())
