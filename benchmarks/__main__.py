"""`python -m benchmarks`: install whom we are compared with, then measure; the report is printed.

This file imports nothing but the standard library, since it runs before anything is installed.
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

from .peers import ROOT, VENV, install, run, say


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Compare the product's speed with that of its peers.",
        epilog="Further options: --rounds N (15), --seconds S, a contender's share of a round (0.2).",
        allow_abbrev=False,
    )
    parser.add_argument("--venv", type=Path, default=VENV)
    known, passed_on = parser.parse_known_args()
    python = install(known.venv)
    if not shutil.which("xmlsec1"):
        _install_xmlsec1()
    report = [str(python), "-m", "benchmarks.report", *passed_on]
    return subprocess.run(report, cwd=ROOT, check=False).returncode  # noqa: S603 - ours


def _install_xmlsec1() -> None:
    """Only stock pysaml2 and djangosaml2 need the program; where it can't be had, they have no figures."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        say("xmlsec1 is missing, and only root can install it here: apt-get install xmlsec1")
        return
    packages = ["apt-get", "install", "--yes", "--no-install-recommends", "xmlsec1"]
    try:
        run("apt-get", "update")
        run(*packages)
    except subprocess.CalledProcessError:
        say("xmlsec1 could not be installed.")


if __name__ == "__main__":
    sys.exit(main())
