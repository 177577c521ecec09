"""Put what the tests need on this machine, as far as it can be: a browser, SimpleSAMLphp, oidc-provider.

`make test` runs it first. Tests whose part is missing are skipped, so a missing part is told, with
its cure, and is an error only where CI=true: there, a skipped test is a test that nobody ran.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.rigs import oidc_provider
from tests.rigs.process import say


@dataclass(frozen=True)
class Part:
    """Something that tests need and that Debian has packages for."""

    name: str
    needed_for: str
    packages: tuple[str, ...]
    files: tuple[str, ...]
    """Programs or paths by which an installed one is known."""

    def is_there(self) -> bool:
        """Whether all of it is installed."""
        return all(shutil.which(file) or Path(file).exists() for file in self.files)


PARTS = (
    Part(
        name="Chromium",
        needed_for="the tests in a real browser",
        packages=("chromium",),
        files=(os.environ.get("CHROMIUM", "/usr/bin/chromium"),),
    ),
    Part(
        name="SimpleSAMLphp",
        needed_for="the tests against SimpleSAMLphp",
        packages=("simplesamlphp", "php-cli", "php-xml", "php-mbstring"),
        files=("php", "/usr/share/simplesamlphp/www"),
    ),
    Part(
        name="gettext",
        needed_for="the test that no string lacks its French",
        packages=("gettext",),
        files=("xgettext", "msgfmt"),
    ),
    Part(
        name="Node.js",
        needed_for="the tests against oidc-provider",
        packages=("nodejs", "npm"),
        files=("node", "npm"),
    ),
)


def main() -> int:
    """Install what is missing where that is possible; return the exit status."""
    missing = [part for part in PARTS if not part.is_there()]
    if missing:
        packages = [package for part in missing for package in part.packages]
        command = apt_get()
        if command:
            install(command, packages)
            missing = [part for part in PARTS if not part.is_there()]
    lacks = [
        f"{part.needed_for}, but {part.name} isn't installed; "
        f"the cure: apt-get install {' '.join(part.packages)}"
        for part in missing
    ]
    if shutil.which("node") and shutil.which("npm"):
        lacks += install_oidc_provider()
    strict = os.environ.get("CI") == "true"
    for lack in lacks:
        say(f"{'Error: CI must run' if strict else 'Skipped:'} {lack}")
    return 1 if lacks and strict else 0


def apt_get() -> list[str]:
    """The words that start apt-get with the rights to install, or none where there are none."""
    if shutil.which("apt-get") is None:
        return []
    if os.geteuid() == 0:
        return ["apt-get"]
    sudo = shutil.which("sudo")
    if sudo is None:
        return []
    without_password = subprocess.run([sudo, "-n", "true"], capture_output=True, check=False)
    return [sudo, "-n", "apt-get"] if without_password.returncode == 0 else []


def install(command: list[str], packages: list[str]) -> None:
    """Install the packages, with apt's progress; with a fresh package list where it is needed."""
    say(f"Installing what the tests need: {' '.join(packages)}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install_command = [*command, "install", "-y", "--no-install-recommends", *packages]
    if subprocess.run(install_command, env=environment, check=False).returncode != 0:
        say("Trying again with a fresh list of packages.")
        subprocess.run([*command, "update"], env=environment, check=False)
        subprocess.run(install_command, env=environment, check=False)


def install_oidc_provider() -> list[str]:
    """Install the npm packages, exactly those of the lock file; return what stands in the way."""
    needed_for = "the tests against oidc-provider"
    problem = oidc_provider.lacks_node()
    if problem:
        return [f"{needed_for}, but {problem}"]
    if oidc_provider.is_installed():
        return []
    say("Installing oidc-provider")
    # Without scripts: a package has no business to run anything while it is installed.
    command = [
        "npm",
        "ci",
        "--prefer-offline",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--loglevel=error",
    ]
    if subprocess.run(command, cwd=oidc_provider.FOLDER, check=False).returncode == 0:
        return []
    return [
        f"{needed_for}, but npm couldn't install it (its words are above); "
        "the cure: npm ci in tests/rigs/oidc_provider"
    ]


if __name__ == "__main__":
    sys.exit(main())
