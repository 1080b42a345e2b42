"""The settings, driven by the environment; `.env.example` lists every variable, `api_settings.py` what needs none.

A setting is a constant of the product unless an operator must be able to change it.
"""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import environ
from celery.schedules import crontab
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from fmi.api_settings import REST_FRAMEWORK, SPECTACULAR_SETTINGS, UNFOLD, VERSION  # noqa: F401 (Django reads them)
from reference.core.key_ring import parse_encryption_keys, parse_signing_keys

Ring = TypeVar("Ring")

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


def key_ring(name: str, parse: Callable[..., Ring], *, on_own_machine: str) -> Ring:
    """Return the secrets of a variable that production must set; a malformed one refuses to start, and is not shown."""
    try:
        return parse(text=required(name, on_own_machine=on_own_machine))
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} cannot be used: {error}. See .env.example.") from None


SECRET_KEY = required("SECRET_KEY", on_own_machine="not-secret-" + "x" * 50)
# The role that may only do what the product does; the one that owns the tables migrates (manage.py sets AS_OWNER).
DATABASE_URL = required("DATABASE_URL", on_own_machine="postgresql://postgres@127.0.0.1:5432/fmi")
OWNER_DATABASE_URL = env.str("OWNER_DATABASE_URL", default="") or DATABASE_URL
AS_OWNER = env.bool("AS_OWNER", default=False)
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
# text: key=value lines; json: one object a line.
LOG_FORMAT = env.str("LOG_FORMAT", default="text")
# What a scrape of /metrics shows as its bearer token; unset, only the loopback address is answered.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
# Where traces go by OTLP over HTTP, such as http://otel-collector:4318; unset, none are made.
OTEL_EXPORTER_OTLP_ENDPOINT = env.str("OTEL_EXPORTER_OTLP_ENDPOINT", default="")
# What failed joins the next day's net (continuous net settlement), or stays an obligation of its own date.
CONTINUOUS_NETTING = env.bool("CONTINUOUS_NETTING", default=False)
# Threads of one web process, each with a connection of its own.
WEB_THREADS = env.int("WEB_THREADS", default=8)
# The largest body: of a bulk file, and of any other request (fmi/body_limit.py says which are which).
BODY_LIMIT_BYTES = env.int("BODY_LIMIT_BYTES", default=256 * 1024 * 1024)
SMALL_BODY_LIMIT_BYTES = env.int("SMALL_BODY_LIMIT_BYTES", default=1024 * 1024)
WORKER_TASK_TIME_LIMIT_SECONDS = env.int("WORKER_TASK_TIME_LIMIT_SECONDS", default=900)
# The seed of the demo's market; unset, nobody trades but through the API and the pages.
DEMO_SEED: int | None = env.int("DEMO_SEED", default=None)
# Whether clients order in the demo's market. What they are filled with depends on what had come when the router looked;
# without them a day comes to the same at any pace.
DEMO_ORDERS: bool = env.bool("DEMO_ORDERS", default=True)
# How long calls to venues take and which of them fail is drawn from this seed, the slice and the attempt.
VENUE_SEED: int = env.int("VENUE_SEED", default=20080915)
# The password of the demo's logins; unset, they get a random one, printed once.
DEMO_PASSWORD = env.str("DEMO_PASSWORD", default="")

# Access tokens (reference/keys/): kid:secret,kid:secret. The first signs, all of them verify; put a new one first and
# take the old one away once its last token has ended. The encryption keys likewise: `manage.py reencrypt_secrets`.
JWT_SIGNING_KEYS = key_ring("JWT_SIGNING_KEYS", parse_signing_keys, on_own_machine="own-machine:not-secret-" + "x" * 32)
JWT_ISSUER = required("JWT_ISSUER", on_own_machine="mini-fmi")
JWT_AUDIENCE = required("JWT_AUDIENCE", on_own_machine="mini-fmi-api")
ENCRYPTION_KEYS = key_ring("ENCRYPTION_KEYS", parse_encryption_keys, on_own_machine="eHh4" * 10 + "eHg=")

# Requests in a window of seconds, by API key, else login, else address (reference/rate_limits.py); RATE_LIMITS
# names those that are to be others, as default=6000/60,bulk=120/60.
RATE_LIMITS = {"default": "6000/60", "bulk": "120/60", "tokens": "60/60"} | env.dict("RATE_LIMITS", default={})

# The sealed audit log (events/services/seal.py): base64 of the 32 bytes that sign its heads, the public keys of former
# ones, and the file outside the database that every head is appended to.
AUDIT_SIGNING_KEY = required("AUDIT_SIGNING_KEY", on_own_machine="bm90LXNlY3JldC1ub3Qtc2VjcmV0LW5vdC1zZWNyZXQ=")
AUDIT_PUBLIC_KEYS: list[str] = env.list("AUDIT_PUBLIC_KEYS", default=[])
AUDIT_HEADS = Path(env.str("AUDIT_HEADS", default="") or BASE_DIR / "var" / "audit" / "heads.jsonl")

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
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]

MIDDLEWARE = [
    # The outermost: whatever the others do carries the request's origin.
    "fmi.telemetry.doors.door_middleware",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "fmi.policy.permissions_policy",
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
DATABASES: dict[str, dict[str, Any]] = {"default": env.db_url_config(OWNER_DATABASE_URL if AS_OWNER else DATABASE_URL)}
DATABASES["default"] |= {
    "ATOMIC_REQUESTS": False,
    "CONN_HEALTH_CHECKS": True,
    "CONN_MAX_AGE": 60,
}
# Only what asks for it is prepared (reference/prepared.py).
DATABASES["default"].setdefault("OPTIONS", {}).setdefault("prepare_threshold", 5)
# A server that is gone is noticed in seconds, and its clients get a 503 (reference/outages.py) instead of a silence.
WATCHFUL = {"connect_timeout": 5, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}
DATABASES["default"]["OPTIONS"] = WATCHFUL | DATABASES["default"]["OPTIONS"]
# The server notices a client that is gone in a minute, not in two hours: it may hold a lock that nobody else gets.
NOTICED = "-c tcp_keepalives_idle=30 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3"
DATABASES["default"]["OPTIONS"]["options"] = f"{NOTICED} {DATABASES['default']['OPTIONS'].get('options', '')}".strip()

CACHES: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "reference.caching.AbsentCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "fmi",
        "OPTIONS": {"socket_timeout": 2, "socket_connect_timeout": 2},
    }
}
SESSION_ENGINE = "reference.caching"
SESSION_COOKIE_AGE = int(timedelta(hours=12).total_seconds())

# ---------------------------------------------------------------------------------------------------
# Celery. Truth is in the database, so a message may be lost, late or doubled; a task killed half way
# is given again, which needs acks_late, reject_on_worker_lost and a visibility timeout above the
# time limit.
# ---------------------------------------------------------------------------------------------------
CELERY_BROKER_URL = REDIS_URL
CELERY_BROKER_TRANSPORT = "fmi.broker:Transport"
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
CELERY_BEAT_SCHEDULER = "fmi.beat:SteadyScheduler"
# The business day itself is data (settlement/schedule.csv); beat only keeps the time.
CELERY_BEAT_SCHEDULE = {
    "deliver facts": {"task": "fmi.deliver", "schedule": 1.0, "options": {"expires": 5}},
    "publish events": {"task": "events.publish", "schedule": 1.0, "options": {"expires": 5}},
    "send webhooks": {"task": "events.send_webhooks", "schedule": 1.0, "options": {"expires": 5}},
    "sweep what was left": {"task": "fmi.sweep", "schedule": 30.0, "options": {"expires": 30}},
    "follow the business clock": {"task": "fmi.follow_clock", "schedule": 1.0, "options": {"expires": 5}},
    "seal the audit log": {"task": "events.seal", "schedule": 5.0, "options": {"expires": 10}},
    "prune what was delivered": {"task": "events.prune", "schedule": crontab(minute=17)},
    "verify the audit log": {"task": "events.verify_audit", "schedule": crontab(hour=3, minute=30)},
}

# ---------------------------------------------------------------------------------------------------
# Events: every fact goes to a stream in Valkey, and to Kafka where brokers are named (docs/events.md)
# ---------------------------------------------------------------------------------------------------
# The source of every event (CloudEvents); with an event's id it is unique in the world.
EVENT_SOURCE = env.str("EVENT_SOURCE", default="urn:mini-fmi")
# About how many events the stream keeps; older ones are read from PostgreSQL.
EVENT_STREAM_LENGTH = env.int("EVENT_STREAM_LENGTH", default=100_000)
# A consumer's failures on one event until it is a dead letter, and the wait after the first one; it doubles.
EVENT_ATTEMPTS = env.int("EVENT_ATTEMPTS", default=5)
EVENT_RETRY_SECONDS = env.float("EVENT_RETRY_SECONDS", default=1.0)
# How long it is kept what was delivered to whom: webhook deliveries with their attempts, the inboxes of consumers.
EVENT_LOG_DAYS = max(env.int("EVENT_LOG_DAYS", default=30), 1)
# How old the oldest fact that is not published yet may be before pages warn.
EVENT_LAG_WARNING_SECONDS = env.int("EVENT_LAG_WARNING_SECONDS", default=60)
KAFKA_BROKERS = env.str("KAFKA_BROKERS", default="")
KAFKA_TOPIC = env.str("KAFKA_TOPIC", default="fmi.events")
# Further properties of librdkafka as a JSON object: TLS, SASL.
KAFKA_CONFIGURATION = env.str("KAFKA_CONFIGURATION", default="{}")
# Consumers inside the product: name -> what handles a fact, in the transaction of its inbox row.
EVENT_CONSUMERS = {"webhooks": "events.services.fan_out.fan_out"}
# Webhooks go to public hosts over https; a laptop may allow http, and a network of one's own its private addresses.
WEBHOOK_ALLOW_HTTP = env.bool("WEBHOOK_ALLOW_HTTP", default=False)
WEBHOOK_ALLOW_PRIVATE = env.bool("WEBHOOK_ALLOW_PRIVATE", default=False)

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
SECURE_REDIRECT_EXEMPT = [r"^health$", r"^ready$", r"^metrics$"]
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
    "formatters": {
        "text": {
            "()": "fmi.telemetry.logs.LineFormatter",
            "format": "%(asctime)s %(levelname)s %(name)s: %(message)s",
        },
        "json": {"()": "fmi.telemetry.logs.JsonFormatter"},
    },
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": "json" if LOG_FORMAT == "json" else "text"}
    },
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        "django.db.backends": {"level": "WARNING"},
        # What a request came to is in its access line; this one would tell it again, without its origin.
        "django.request": {"level": "ERROR"},
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
ACTION_RECORDER = "events.services.audit.record_action"
# What adds one to a counter of /metrics (fmi/telemetry/names.py), given its name and the values of its labels.
METRIC_COUNTER = "fmi.telemetry.counters.count"
# What is encrypted under ENCRYPTION_KEYS, for `manage.py reencrypt_secrets`.
ENCRYPTED_COLUMNS = ["reference.ApiSecret.signing_key", "events.WebhookSecret.secret"]
# What needs a second person: kind of proposal -> the ProposalKind that reads and writes its subject.
PROPOSAL_KINDS = {
    "account": "ledger.static_kinds.ACCOUNT_CHANGES",
    "client-limits": "trades.services.change_client.CLIENT_LIMITS",
    "compliance-rule": "trades.services.compliance.change_rules.RULES",
    "credit-line": "settlement.services.credit_lines.CREDIT_LINES",
    "currency": "reference.static_kinds.CURRENCY_CHANGES",
    "default-declaration": "clearing.services.default_case.DECLARATION",
    "instrument": "reference.static_kinds.INSTRUMENT_CHANGES",
    "participant": "reference.static_kinds.PARTICIPANT_CHANGES",
    "position-limit": "trades.services.positions.set_limits.LIMITS",
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
# What such checks of floors above trades have read with all the rest, in one statement: name -> part of it, a SELECT
# of one JSON column. Its parameters: those of trades/services/orders/order_situation.py.
PRE_TRADE_READS = {"barred_members": "clearing.queries.order_checks.BARRED_SQL"}
