"""Production's settings; static files are collected into a folder that goes with the storm."""

import os
from pathlib import Path

from maker.settings import *  # noqa: F403

STATIC_ROOT = Path(os.environ["STORM_STATIC"])
