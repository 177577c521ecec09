"""`sso_apply` of a large file: made, applied again, and with little or all of it changed."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from .command import Cost, run
from .document import changed, document

_EVERY: Final = 100


def costs(
    settings: Mapping[str, str], folder: Path, *, connectors: int, users: int
) -> Iterator[tuple[str, Cost]]:
    """On an empty database with tables."""
    first = document(connectors=connectors, users=users)
    files = {
        "first": first,
        "changed": changed(first, every=_EVERY),
        "all changed": changed(first, every=1),
    }
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    for what, name, *options in (
        ("dry run of the first file", "first", "--dry-run"),
        ("create", "first"),
        ("again, dry run", "first", "--dry-run"),
        ("again, nothing to change", "first"),
        (f"one in {_EVERY} changed, dry run", "changed", "--dry-run"),
        (f"one in {_EVERY} changed", "changed"),
        ("all changed", "all changed"),
    ):
        cost = run(settings, "sso_apply", str(folder / f"{name}.json"), *options)
        yield f"sso_apply: {what}", cost
