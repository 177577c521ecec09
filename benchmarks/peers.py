"""A virtual environment of their own for whom the product is compared with.

They go into it with the product's own requirements: everybody runs on the same lxml, the same
cryptography and the same Django. This file imports nothing but the standard library, since it runs
before any of that is there.
"""

import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
VENV: Final = ROOT / ".venv-bench"


def install(venv: Path) -> Path:
    """Return the environment's interpreter, after installing what has changed.

    The product's requirements must install; a peer that doesn't is a row that says so.
    """
    python = venv.absolute() / "bin" / "python"
    wanted = "".join(
        (ROOT / name).read_text(encoding="utf-8")
        for name in ("requirements.txt", "constraints.txt", "benchmarks/requirements.txt")
    )
    installed = venv / "installed"
    if installed.exists() and installed.read_text(encoding="utf-8") == wanted:
        return python
    say(f"Installing into {venv}")
    run(sys.executable, "-m", "venv", str(venv))
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    run(*pip, "--requirement", str(ROOT / "requirements.txt"))
    try:
        run(*pip, "--requirement", str(ROOT / "benchmarks" / "requirements.txt"))
    except subprocess.CalledProcessError:
        say("Not every peer could be installed; the report says which are missing.")
        return python
    installed.write_text(wanted, encoding="utf-8")
    return python


def run(*command: str) -> None:
    """Run to the end, its output on standard error; raises CalledProcessError."""
    subprocess.run(command, check=True, stdout=sys.stderr)  # noqa: S603 - ours


def say(sentence: str) -> None:
    """Tell whoever waits; standard output is for the report."""
    sys.stderr.write(f"{sentence}\n")
