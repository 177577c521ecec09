"""All settings. This is the only file that reads the environment; docs/settings.md explains each name.

Security is not a matter of settings here: what follows from a value (Secure cookies from an https
address, say) is derived, and no setting can switch a check off.
"""

import os
from pathlib import Path
from urllib.parse import urlsplit

import django_stubs_ext
import environ
from csp.constants import NONE, SELF

from .private_files import make_database, make_folder

django_stubs_ext.monkeypatch()  # so that ModelAdmin[Connector] and the like can be written

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = BASE_DIR / "var"

ENV_FILE = BASE_DIR / ".env"

env = environ.Env()
env.read_env(ENV_FILE)

# --- what an operator sets -------------------------------------------------------------------

SECRET_KEY = env.str("SECRET_KEY")
DEBUG = env.bool("DEBUG", default=False)
PUBLIC_BASE_URL = env.str("PUBLIC_BASE_URL", default="http://localhost:8000").rstrip("/")
PRODUCT_NAME = env.str("PRODUCT_NAME", default="INO cx")
SUPPORT_CONTACT = env.str("SUPPORT_CONTACT", default="")
LANGUAGE_CODE = env.str("LANGUAGE_CODE", default="en")
TIME_ZONE = env.str("TIME_ZONE", default="UTC")
ATTEMPT_DAYS = env.int("ATTEMPT_DAYS", default=30)
PROMETHEUS_MULTIPROC_DIR = env.str("PROMETHEUS_MULTIPROC_DIR", default="")
if PROMETHEUS_MULTIPROC_DIR:
    Path(PROMETHEUS_MULTIPROC_DIR).mkdir(parents=True, exist_ok=True)
else:  # prometheus_client goes by its being there, empty or not, and writes where we happen to be
    os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
METRICS_ALLOWED = env.list("METRICS_ALLOWED", default=[])
TRUSTED_PROXIES = env.list("TRUSTED_PROXIES", default=[])
PRIVATE_IDP_HOSTS = env.list("PRIVATE_IDP_HOSTS", default=[])
FIELD_ENCRYPTION_KEYS = env.list("FIELD_ENCRYPTION_KEYS", default=[])

_base = urlsplit(PUBLIC_BASE_URL)
_https = _base.scheme == "https"
_host = _base.hostname or "localhost"
LOOPBACK_HOSTS = ["localhost", "127.0.0.1", "[::1]"]
_default_hosts = LOOPBACK_HOSTS if _host in {"localhost", "127.0.0.1", "::1"} else [_host]
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=_default_hosts)

# --- the application -------------------------------------------------------------------------

INSTALLED_APPS = [
    "maker.apps.MakerConfig",
    "maker.apps.MakerAdminConfig",
    "users",
    "sso_connectors",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "axes",
    "csp",
    "simple_history",
    "import_export",
]

MIDDLEWARE = [
    "maker.health.HealthMiddleware",
    "maker.middleware.NoStoreMiddleware",
    "maker.middleware.TrustedProxyMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "sso_connectors.login.sessions.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "maker.urls"
WSGI_APPLICATION = "maker.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "maker.context.product",
            ],
        },
    },
]

# Who changed what and when; secrets and what logins write are no part of it (see the models).
SIMPLE_HISTORY_HISTORY_CHANGE_REASON_USE_TEXT_FIELD = True

# --- people and sessions ---------------------------------------------------------------------

AUTH_USER_MODEL = "users.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "sso_connectors.login.sessions.PasswordBackend",
    "sso_connectors.login.sessions.ConnectorBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "landing"
LOGOUT_REDIRECT_URL = "signed-out"

SESSION_ENGINE = "maker.sessions"
SESSION_COOKIE_AGE = 12 * 60 * 60
SESSION_COOKIE_SECURE = _https
SESSION_COOKIE_NAME = "__Host-sessionid" if _https else "sessionid"
CSRF_COOKIE_SECURE = _https
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "maker.views.csrf_failure"
CSRF_COOKIE_NAME = "__Host-csrftoken" if _https else "csrftoken"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

# A contact centre sits behind one address: lock the pair of username and address, never the address.
AXES_HANDLER = "maker.axes_handler.PasswordGuesses"
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = 0.25  # hours
AXES_USERNAME_CALLABLE = "users.models.axes_username"
AXES_CLIENT_IP_CALLABLE = "maker.middleware.client_address"
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = False
AXES_LOCKOUT_TEMPLATE = "maker/locked_out.html"
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address"]
AXES_VERBOSE = False

# --- transport and browser -------------------------------------------------------------------

SECURE_SSL_REDIRECT = _https
SECURE_HSTS_SECONDS = 365 * 24 * 60 * 60 if _https else 0
# TrustedProxyMiddleware removes the header unless it comes from one of TRUSTED_PROXIES.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# Sub-domains and preload are for whoever owns the domain to decide, not for one product on it.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF],
        "font-src": [SELF],
        "connect-src": [SELF],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    },
}

# --- data ------------------------------------------------------------------------------------

DATABASES = {"default": env.db("DATABASE_URL", default=f"sqlite:///{VAR_DIR / 'maker.sqlite3'}")}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    make_folder(VAR_DIR)
    make_database(str(DATABASES["default"]["NAME"]))
    DATABASES["default"]["OPTIONS"] = {
        "init_command": "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL",
        "transaction_mode": "IMMEDIATE",
        "timeout": 10,
    }
else:
    DATABASES["default"]["CONN_MAX_AGE"] = 60
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    # A host that drops packets would hold every worker for minutes.
    DATABASES["default"].setdefault("OPTIONS", {}).setdefault("connect_timeout", 5)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CACHES = {"default": env.cache("CACHE_URL", default="locmemcache://")}
if CACHES["default"]["BACKEND"] == "django.core.cache.backends.redis.RedisCache":
    CACHES["default"]["BACKEND"] = "maker.cache.RedisCache"
EMAIL_CONFIG = env.email("EMAIL_URL", default="consolemail://")
vars().update(EMAIL_CONFIG)

# --- words and files -------------------------------------------------------------------------

LANGUAGES = [("en", "English"), ("fr", "Français")]
LOCALE_PATHS = [BASE_DIR / "locale"]
LANGUAGE_COOKIE_NAME = "__Host-language" if _https else "language"
LANGUAGE_COOKIE_AGE = 365 * 24 * 60 * 60
LANGUAGE_COOKIE_SECURE = _https
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
USE_TZ = True
FORMAT_MODULE_PATH = "maker.formats"

STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
# Locked files, by which all workers of this machine count whom they wait for.
EXCHANGES_DIR = VAR_DIR / "exchanges"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage",
    },
}

# --- SAML metadata (djangosaml2's convention) ------------------------------------------------

SAML_CONFIG_LOADER = "sso_connectors.protocols.saml2.service_provider.load"

# --- log -------------------------------------------------------------------------------------

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "maker.log.JsonFormatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {
        # Its warnings name paths, and a reference in one may be an e-mail address.
        "django.request": {"level": "ERROR"},
        # At DEBUG the next writes whole assertions, whatever level the rest is set to.
        "saml2": {"level": "WARNING"},
        "xmlschema": {"level": "WARNING"},
    },
}
