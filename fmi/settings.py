"""The settings, driven by the environment; `.env.example` lists every variable, `api_settings.py` what needs none.

A setting is a constant of the product unless an operator must be able to change it.
"""

from datetime import timedelta
from pathlib import Path
from typing import Any

import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from fmi.api_settings import REST_FRAMEWORK, SPECTACULAR_SETTINGS, UNFOLD, VERSION  # noqa: F401 (Django reads them)

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()

# ---------------------------------------------------------------------------------------------------
# What the environment decides
# ---------------------------------------------------------------------------------------------------
DEBUG = env.bool("DEBUG", default=False)


def required(name: str, *, on_own_machine: str) -> str:
    """Return a variable that production must set; DEBUG=true has a value for a machine of one's own."""
    value: str = env.str(name, default="")
    if value:
        return value
    if DEBUG:
        return on_own_machine
    raise ImproperlyConfigured(
        f"{name} is not set. Set it in the environment (.env.example lists every variable), "
        "or set DEBUG=true on a machine of your own."
    )


SECRET_KEY = required("SECRET_KEY", on_own_machine="not-secret-" + "x" * 50)
DATABASE_URL = required("DATABASE_URL", on_own_machine="postgresql://postgres@127.0.0.1:5432/fmi")
REDIS_URL = required("REDIS_URL", on_own_machine="redis://127.0.0.1:6379/0")
ALLOWED_HOSTS = [host for host in required("ALLOWED_HOSTS", on_own_machine="*").split(",") if host]
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
# False only where no TLS stands in front: a laptop, a test.
HTTPS_ONLY = env.bool("HTTPS_ONLY", default=not DEBUG)
# A proxy that ends TLS says so in X-Forwarded-Proto; trusted only where such a proxy always stands.
BEHIND_PROXY = env.bool("BEHIND_PROXY", default=False)
# Static files as they lie in the source, so that nothing need be collected; production collects
# them once, with the hash of the content in each name and compressed.
STATIC_FROM_SOURCE = env.bool("STATIC_FROM_SOURCE", default=DEBUG)
LOG_LEVEL = env.str("LOG_LEVEL", default="INFO").upper()
# What failed joins the next day's net (continuous net settlement), or stays an obligation of its own date.
CONTINUOUS_NETTING = env.bool("CONTINUOUS_NETTING", default=False)
# Threads of one web process, each with a connection of its own.
WEB_THREADS = env.int("WEB_THREADS", default=8)
BODY_LIMIT_BYTES = env.int("BODY_LIMIT_BYTES", default=256 * 1024 * 1024)
WORKER_TASK_TIME_LIMIT_SECONDS = env.int("WORKER_TASK_TIME_LIMIT_SECONDS", default=900)
# The seed of the demo's market; unset, nobody trades but through the API and the pages.
DEMO_SEED: int | None = env.int("DEMO_SEED", default=None)
# How long calls to venues take and which of them fail is drawn from this seed, the slice and the attempt.
VENUE_SEED: int = env.int("VENUE_SEED", default=20080915)
# The password of the demo's logins; unset, they get a random one, printed once.
DEMO_PASSWORD = env.str("DEMO_PASSWORD", default="")

# ---------------------------------------------------------------------------------------------------
# Applications, in the order of the floors: fmi imports all, reference none
# ---------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "fmi",
    "clearing",
    "trades",
    "settlement",
    "ledger",
    "events",
    "reference",
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "csp",
    "pgtrigger",
    "template_partials",
    "django_htmx",
    "django_filters",
    "lucide",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "fmi.policy.relaxed_policy",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "fmi.access.actor_middleware",
    "fmi.refused.RefusalMiddleware",
]

ROOT_URLCONF = "fmi.urls"
WSGI_APPLICATION = "fmi.wsgi.application"
ASGI_APPLICATION = "fmi.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "fmi.context.frame",
            ],
        },
    }
]

# ---------------------------------------------------------------------------------------------------
# PostgreSQL holds the truth; Valkey carries wake-up calls, cached pages and sessions
# ---------------------------------------------------------------------------------------------------
DATABASES: dict[str, dict[str, Any]] = {"default": env.db_url_config(DATABASE_URL)}
DATABASES["default"] |= {
    "ATOMIC_REQUESTS": False,
    "CONN_HEALTH_CHECKS": True,
    "CONN_MAX_AGE": 60,
}
# Only what asks for it is prepared (reference/prepared.py).
DATABASES["default"].setdefault("OPTIONS", {}).setdefault("prepare_threshold", 5)

CACHES: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "fmi",
    }
}
SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"
SESSION_COOKIE_AGE = int(timedelta(hours=12).total_seconds())

# ---------------------------------------------------------------------------------------------------
# Celery. Truth is in the database, so a message may be lost, late or doubled; a task killed half way
# is given again, which needs acks_late, reject_on_worker_lost and a visibility timeout above the
# time limit.
# ---------------------------------------------------------------------------------------------------
CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "fmi"
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_TIME_LIMIT = WORKER_TASK_TIME_LIMIT_SECONDS
CELERY_TASK_SOFT_TIME_LIMIT = max(WORKER_TASK_TIME_LIMIT_SECONDS - 60, 1)
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": WORKER_TASK_TIME_LIMIT_SECONDS + 300,
    "unacked_restore_throttle": 1,
}
CELERY_TIMEZONE = "Europe/Brussels"
# The business day itself is data (settlement/schedule.csv); beat only keeps the time.
CELERY_BEAT_SCHEDULE = {
    "deliver facts": {"task": "fmi.deliver", "schedule": 1.0, "options": {"expires": 5}},
    "sweep what was left": {"task": "fmi.sweep", "schedule": 30.0, "options": {"expires": 30}},
    "follow the business clock": {"task": "fmi.follow_clock", "schedule": 1.0, "options": {"expires": 5}},
}

# ---------------------------------------------------------------------------------------------------
# Time and language: the business zone is CET, stored times are UTC
# ---------------------------------------------------------------------------------------------------
USE_TZ = True
TIME_ZONE = "Europe/Brussels"
LANGUAGE_CODE = "en-gb"
USE_I18N = False

# ---------------------------------------------------------------------------------------------------
# Static files
# ---------------------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if STATIC_FROM_SOURCE
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = STATIC_FROM_SOURCE

# ---------------------------------------------------------------------------------------------------
# Login and safety
# ---------------------------------------------------------------------------------------------------
AUTHENTICATION_BACKENDS = ["reference.backends.MembershipBackend"]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "login"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS_ONLY
SECURE_HSTS_SECONDS = int(timedelta(days=365).total_seconds()) if HTTPS_ONLY else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS_ONLY
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None
# A health check asks the process itself, in plain HTTP.
SECURE_REDIRECT_EXEMPT = [r"^health$"]
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

# A form's fields and a parsed JSON body stay small; bulk files are read as streams, and
# BODY_LIMIT_BYTES bounds those before a byte of them is kept.
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 10 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2000

# ---------------------------------------------------------------------------------------------------
# Logs go to standard error; what keeps them is the business of whoever runs the process
# ---------------------------------------------------------------------------------------------------
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        "django.db.backends": {"level": "WARNING"},
        # Beat wakes the worker every second; only what goes wrong is worth a line.
        "celery.beat": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
    },
}

# ---------------------------------------------------------------------------------------------------
# Hooks: what a lower floor asks of a higher one, by dotted path
# ---------------------------------------------------------------------------------------------------
# Called, in the transaction of a bilateral cancellation, to take the trade out of clearing and settlement.
TRADE_CANCELLATION_HOOKS = ["clearing.services.withdraw_trade.withdraw_trade"]
# What writes the audit log, for the floor under it.
ACTION_RECORDER = "events.services.record_action"
# What needs a second person: kind of proposal -> the ProposalKind that reads and writes its subject.
PROPOSAL_KINDS = {
    "client-limits": "trades.services.change_client.CLIENT_LIMITS",
    "compliance-rule": "trades.services.compliance.change_rules.RULES",
}
# What every order passes before it is routed, in this order; those that use up a limit come last.
PRE_TRADE_CHECKS = [
    "trades.core.order_checks.check_active",
    "trades.core.order_checks.check_price",
    "clearing.queries.order_checks.check_clearing_members",
    "trades.services.compliance.check_orders.check_orders",
    "trades.core.order_checks.check_short_sale",
    "trades.core.order_checks.check_margin",
    "trades.core.order_checks.check_credit",
    "trades.core.order_checks.check_daily_limit",
]
