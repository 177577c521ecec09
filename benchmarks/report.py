"""Both benchmarks in one run, and what they ran on, as Markdown on standard output."""

import argparse
import os
import platform
import re
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from cryptography.hazmat.backends.openssl import backend
from lxml import etree

from .logins.run import run as run_logins
from .verification.run import run as run_verification

_PACKAGES: Final = (
    "Django",
    "lxml",
    "cryptography",
    "signxml",
    "python3-saml",
    "xmlsec",
    "pysaml2",
    "djangosaml2",
    "django-allauth",
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="at least 2 (default: 15)")
    parser.add_argument(
        "--seconds",
        type=float,
        default=0.2,
        help="each contender's share of each round, about (default: 0.2)",
    )
    options = parser.parse_args()
    xmlsec1 = shutil.which("xmlsec1") or ""
    before = os.getloadavg()[0]
    verification = run_verification(rounds=options.rounds, seconds=options.seconds, xmlsec1=xmlsec1)
    logins = run_logins(rounds=options.rounds, seconds=2 * options.seconds, xmlsec1=xmlsec1)
    after = os.getloadavg()[0]
    sys.stdout.write(
        f"## Verifying one answer\n\n{verification}\n\n"
        f"## A whole login\n\n{logins}\n\n"
        f"## The machine\n\n{_machine(xmlsec1)}\n"
        f"- {options.rounds} rounds; load average {before:.1f} before, {after:.1f} after\n"
    )


def _machine(xmlsec1: str) -> str:
    libxml2 = ".".join(map(str, etree.LIBXML_VERSION))
    lines = [
        f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}",
        f"Python {platform.python_version()}; {backend.openssl_version_text()} (cryptography's); "
        f"libxml2 {libxml2} (lxml's)",
        ", ".join(f"{name} {_version(name)}" for name in _PACKAGES),
        _version_of_xmlsec1(xmlsec1),
    ]
    return "\n".join(f"- {line}" for line in lines)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"


def _version_of_xmlsec1(xmlsec1: str) -> str:
    if not xmlsec1:
        return "xmlsec1 missing"
    command = [xmlsec1, "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - found
    return re.sub(r"\s+", " ", done.stdout).strip()


if __name__ == "__main__":
    main()
