"""Production's settings, but for static files, which nobody has to collect before a race."""

from maker.settings import *  # noqa: F403
from maker.settings import STORAGES

STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
