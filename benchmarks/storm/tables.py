"""What the storms showed, as Markdown: a figure is the median of the rounds' figures."""

import os
import platform
import statistics
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from importlib.util import find_spec
from typing import Final

from redis import Redis

from ..contest import table
from .login import STEPS
from .sites import PRODUCT, Site
from .storm import Storm

Storms = Mapping[Site, Sequence[Storm]]

PERCENTILES: Final = (0.50, 0.95, 0.99)
_PACKAGES: Final = {
    "Django": "django",
    "gunicorn": "gunicorn",
    "psycopg": "psycopg",
    "signxml": "signxml",
    "python3-saml": "onelogin",
    "django-allauth": "allauth",
}


def tables(storms: Storms) -> str:
    return "\n\n".join([_whole(storms), _steps(storms), _crowds(storms)])


def machine(storms: Storms, cache_url: str) -> str:
    postgres = storms[PRODUCT][0].postgres
    redis = Redis.from_url(cache_url).info("server")["redis_version"]
    packages = [
        f"{name} {version(name)}" for name, module in _PACKAGES.items() if find_spec(module)
    ]
    lines = [
        f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}; the crowd, gunicorn, "
        "PostgreSQL and Redis share them",
        f"Python {platform.python_version()}, PostgreSQL {postgres // 10000}.{postgres % 10000}, "
        f"Redis {redis}",
        ", ".join(packages),
    ]
    return "\n".join(f"- {line}" for line in lines)


def _whole(storms: Storms) -> str:
    ours = storms[PRODUCT]
    rows = [
        [
            site.name,
            f"{sum(len(each.steps) for each in theirs):,}",
            sum(len(each.lost) for each in theirs),
            sum(len(each.wrong) for each in theirs),
            f"{statistics.median(each.rate for each in theirs):.1f}",
            _ratio(theirs, ours, lambda storm: storm.rate),
            *_percentiles(theirs),
            _milliseconds([each.server_share for each in theirs]),
            _ratio(theirs, ours, lambda storm: storm.server_share),
        ]
        for site, theirs in storms.items()
    ]
    head = ["", "logins", "lost", "wrong person", "logins/s", "× the product"]
    head += ["p50, ms", "p95, ms", "p99, ms", "server's ms a login", "× the product"]
    return table(head, rows)


def _steps(storms: Storms) -> str:
    rows = [
        [site.name, *(" / ".join(_percentiles(theirs, step)) for step in range(len(STEPS)))]
        for site, theirs in storms.items()
    ]
    return table(["p50 / p95 / p99, ms", *STEPS], rows)


def _crowds(storms: Storms) -> str:
    """What the crowd itself costs, on the same cores."""
    shares = [
        f"{_milliseconds([each.share(each.crowd) for each in theirs])} ms a login at {site.name} "
        f"({_milliseconds([each.share(each.signing) for each in theirs])} of them the signing)"
        for site, theirs in storms.items()
    ]
    return f"The crowd's own processor time: {', '.join(shares)}."


def _percentiles(storms: Sequence[Storm], step: int | None = None) -> list[str]:
    return [_milliseconds([each.percentile(part, step) for each in storms]) for part in PERCENTILES]


def _milliseconds(seconds: Sequence[float]) -> str:
    figure = statistics.median(seconds) * 1000
    return f"{figure:,.0f}" if figure >= 100 else f"{figure:.1f}"


def _ratio(
    storms: Sequence[Storm], reference: Sequence[Storm], figure: Callable[[Storm], float]
) -> str:
    """Each round against the same round of the reference."""
    pairs = zip(map(figure, storms), map(figure, reference), strict=True)
    ratios = [each / other for each, other in pairs if other]
    return f"{statistics.median(ratios):.2f}" if ratios else "–"
