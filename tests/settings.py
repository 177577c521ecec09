"""The product's settings, for tests: a known address and secret, cheap password hashes."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

os.environ.setdefault("SECRET_KEY", "only-for-tests-" + "x" * 50)
os.environ["DEBUG"] = "false"
os.environ["PUBLIC_BASE_URL"] = "http://localhost:8000"
os.environ["ALLOWED_HOSTS"] = "localhost,127.0.0.1,[::1],other.example"
os.environ["LANGUAGE_CODE"] = "en"
os.environ["TRUSTED_PROXIES"] = ""
os.environ["PRIVATE_IDP_HOSTS"] = ""
# SHA-256 of "only for tests, the newer key" and "only for tests, the older key".
os.environ["FIELD_ENCRYPTION_KEYS"] = (
    "BCiFa7AJvI7Uhr44ircXvuaHv5q9Ma_2bHjNJ39hVis=,DKJ4NskgfAPX6uCZ5YHkrzc3X_g_xDtqCy12YXN98zw="
)
# Each process of a parallel run empties a Redis database of its own.
if os.environ.get("CACHE_URL", "").startswith("redis"):
    server, _, number = os.environ["CACHE_URL"].rpartition("/")
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    os.environ["CACHE_URL"] = f"{server}/{int(number) + int(worker)}"
# Playwright keeps an event loop in the tests' thread, which Django would take for async code.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

from maker.settings import *  # noqa: F403
from maker.settings import DATABASES, STORAGES, VAR_DIR

# Processes of a parallel run share neither their doubles nor their places.
EXCHANGES_DIR = Path(tempfile.mkdtemp(prefix="exchanges-"))
atexit.register(shutil.rmtree, EXCHANGES_DIR, ignore_errors=True)
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
WHITENOISE_AUTOREFRESH = True
WHITENOISE_USE_FINDERS = True
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # A file, as in production: threads and processes then really compete for it.
    DATABASES["default"]["TEST"] = {"NAME": VAR_DIR / f"test-{os.getpid()}.sqlite3"}
