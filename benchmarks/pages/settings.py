"""The product's own settings, but for static files, which nobody has to collect before."""

from maker.settings import *  # noqa: F403
from maker.settings import STORAGES

STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
