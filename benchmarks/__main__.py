"""`python -m benchmarks`: install whom we are compared with, then measure; the report is printed.

Peers go into a virtual environment of their own, with the product's own requirements: everybody
runs on the same lxml, the same cryptography and the same Django. This file imports nothing but the
standard library, since it runs before any of that is there.
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Compare the product's speed with that of its peers.",
        epilog="Further options: --rounds N (15), --seconds S, a contender's share of a round (0.2).",
        allow_abbrev=False,
    )
    parser.add_argument("--venv", type=Path, default=ROOT / ".venv-bench")
    known, passed_on = parser.parse_known_args()
    python = known.venv.absolute() / "bin" / "python"
    _install(known.venv, python)
    if not shutil.which("xmlsec1"):
        _install_xmlsec1()
    report = [str(python), "-m", "benchmarks.report", *passed_on]
    return subprocess.run(report, cwd=ROOT, check=False).returncode  # noqa: S603 - ours


def _install(venv: Path, python: Path) -> None:
    """The product's requirements must install; a peer that doesn't is a row that says so."""
    wanted = "".join(
        (ROOT / name).read_text(encoding="utf-8")
        for name in ("requirements.txt", "constraints.txt", "benchmarks/requirements.txt")
    )
    installed = venv / "installed"
    if installed.exists() and installed.read_text(encoding="utf-8") == wanted:
        return
    _say(f"Installing into {venv}")
    _run(sys.executable, "-m", "venv", str(venv))
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _run(*pip, "--requirement", str(ROOT / "requirements.txt"))
    try:
        _run(*pip, "--requirement", str(ROOT / "benchmarks" / "requirements.txt"))
    except subprocess.CalledProcessError:
        _say("Not every peer could be installed; the report says which are missing.")
        return
    installed.write_text(wanted, encoding="utf-8")


def _install_xmlsec1() -> None:
    """Only stock pysaml2 and djangosaml2 need the program; where it can't be had, they have no figures."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        _say("xmlsec1 is missing, and only root can install it here: apt-get install xmlsec1")
        return
    install = ["apt-get", "install", "--yes", "--no-install-recommends", "xmlsec1"]
    try:
        _run("apt-get", "update")
        _run(*install)
    except subprocess.CalledProcessError:
        _say("xmlsec1 could not be installed.")


def _run(*command: str) -> None:
    subprocess.run(command, check=True, stdout=sys.stderr)  # noqa: S603 - ours


def _say(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")


if __name__ == "__main__":
    sys.exit(main())
