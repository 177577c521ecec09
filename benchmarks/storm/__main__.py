"""`python -m benchmarks.storm`: a Monday at nine at the product, and the same at django-allauth.

With `--only product` there is no peer to install, and the interpreter that runs this must have the
product's requirements. This file imports nothing but the standard library, since it runs before
anything is installed.
"""

import argparse
import os
import sys
from pathlib import Path

from ..peers import ROOT, VENV, install


def main() -> None:
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--venv", type=Path, default=VENV)
    known, passed_on = parser.parse_known_args()
    alone = "product" in passed_on or "--only=product" in passed_on
    python = Path(sys.executable) if alone else install(known.venv)
    os.chdir(ROOT)
    # In place of this process, so that who stops it stops the storm.
    os.execv(python, [str(python), "-m", "benchmarks.storm.report", *passed_on])  # noqa: S606 - ours


if __name__ == "__main__":
    main()
