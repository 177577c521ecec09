"""What both peers' settings share: as little as Django needs, on the product's kind of database."""

import os

import environ

SECRET_KEY = "only-for-benchmarks-" + "x" * 50
ALLOWED_HOSTS = ["localhost", "127.0.0.1"]
USE_TZ = True
# A file for SQLite, or the address of a PostgreSQL.
BENCHMARK_DATABASE = os.environ["BENCHMARK_DATABASE"]
if "://" in BENCHMARK_DATABASE:
    DATABASES = {
        "default": {
            **environ.Env.db_url_config(BENCHMARK_DATABASE),
            # As the product sets them: without, each request would connect anew.
            "CONN_MAX_AGE": 60,
            "CONN_HEALTH_CHECKS": True,
        }
    }
else:
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": BENCHMARK_DATABASE,
            # As the product sets them: without, each write would wait for the disk.
            "OPTIONS": {
                "init_command": "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL",
                "transaction_mode": "IMMEDIATE",
                "timeout": 10,
            },
        }
    }
# Django's own default is a cache for each process.
CACHES = {
    "default": environ.Env.cache_url_config(os.environ.get("BENCHMARK_CACHE", "locmemcache://"))
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LOGIN_REDIRECT_URL = "/"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
