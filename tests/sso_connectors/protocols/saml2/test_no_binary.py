"""No program is needed to verify a signature: xmlsec1, which pysaml2 would start, least of all."""

import os
import subprocess
import sys
from pathlib import Path


def test_honest_answers_are_read_with_an_empty_path() -> None:
    tests = str(Path(__file__).with_name("test_signature.py"))
    options = ["-k", "honest", "--no-cov", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", tests, *options],
        env={**os.environ, "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
