"""Django's settings. What an operator may choose comes from `config.env`; the rest is fixed here."""

from __future__ import annotations

import hashlib
import hmac
from datetime import timedelta
from typing import Any

import dj_database_url
import django_stubs_ext
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from config.env import REPOSITORY, Env, read_env

# Generic Django classes take type arguments when the code runs, too.
django_stubs_ext.monkeypatch()

ENV = read_env()
# As in pyproject.toml.
VERSION = "0.1.0"


def read_secret_key(env: Env) -> str:
    """The signing secret: given, from a file, or the one that `make run` generated under DATA_DIR."""
    if env.secret_key:
        return env.secret_key
    path = env.secret_key_file or env.data_dir / "secret_key"
    try:
        key = path.read_text().strip()
    except OSError:
        key = ""
    if len(key) < 32:
        raise ImproperlyConfigured(
            "SECRET_KEY: not set. Set it, or SECRET_KEY_FILE, to at least 32 random characters "
            "(`make run` does so by itself)."
        )
    return key


def jwt_signing_key(env: Env, secret_key: str) -> str:
    """A key of their own for JSON web tokens, so that a token and a signed cookie can never stand in for each other:
    given, so that one can be changed without the other, or derived from the secret key."""
    return env.jwt_signing_key or hmac.new(secret_key.encode(), b"parley.jwt", hashlib.sha256).hexdigest()


def database(env: Env) -> dict[str, Any]:
    """Postgres through psycopg's pool: connections are borrowed for a statement or a request, never for a stream."""
    if not env.database_url:
        raise ImproperlyConfigured(
            "DATABASE_URL: not set. Set it to postgresql://user:password@host:5432/parley, "
            "or use `make run`, which starts a database of its own."
        )
    parsed: dict[str, Any] = dict(dj_database_url.parse(env.database_url))
    parsed["CONN_MAX_AGE"] = 0
    # The pool looks at a connection before it lends it: after a restart of the database no request gets a dead one.
    parsed["CONN_HEALTH_CHECKS"] = True
    parsed["OPTIONS"] = {
        **parsed.get("OPTIONS", {}),
        # Left to itself the pool doubles the pause between two attempts to connect, for five minutes: after a long
        # absence of the database it would notice minutes late that it is back.
        "pool": {"min_size": 1, "max_size": env.database_pool, "timeout": 5, "reconnect_timeout": 5},
        "application_name": "parley",
    }
    return parsed


SECRET_KEY = read_secret_key(ENV)
DEBUG = False
ALLOWED_HOSTS = list(ENV.allowed_hosts) or ["127.0.0.1", "localhost", "[::1]", ".localhost", *ENV.local_hosts]
CSRF_TRUSTED_ORIGINS = [f"https://{host.lstrip('.')}" for host in ENV.allowed_hosts if host != "*"]

ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
AUTH_USER_MODEL = "accounts.User"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {"default": database(ENV)}

INSTALLED_APPS = [
    "accounts",
    "limits",
    "chat",
    "api",
    "ops",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "csp",
    "django_htmx",
    "rest_framework_simplejwt.token_blacklist",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]

MIDDLEWARE = [
    "config.middleware.InlineSecurity",
    "servestatic.middleware.ServeStaticMiddleware",
    "config.middleware.InlineHead",
    "config.middleware.InlineCompression",
    "config.middleware.InlineContentSecurityPolicy",
    "config.middleware.TimeZone",
    "config.middleware.InlineSession",
    "config.middleware.InlineLocale",
    "config.throttling.InlineThrottling",
    "config.middleware.InlineCommon",
    "config.middleware.InlineCsrf",
    "config.middleware.InlineAuthentication",
    "config.middleware.InlineMessages",
    "config.middleware.InlineFrameOptions",
    "django_htmx.middleware.HtmxMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [REPOSITORY / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "accounts.preferences.appearance",
            ],
        },
    },
]

# Static files: hashed and compressed once by `manage.py prepare`, served from memory-cached paths.
STATIC_URL = "/static/"
STATIC_ROOT = ENV.data_dir / "static"
SERVESTATIC_KEEP_ONLY_HASHED_FILES = True
STATICFILES_DIRS = [REPOSITORY / "static"]
STATICFILES_FINDERS = ["config.bundles.BundleFinder", "django.contrib.staticfiles.finders.AppDirectoriesFinder"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "config.static.StaticStorage"},
}

# Accounts
# Django's own, which existing log-ins name, is asked by nobody any more.
AUTHENTICATION_BACKENDS = ["limits.backends.GuardedBackend", "django.contrib.auth.backends.ModelBackend"]
SESSION_ENGINE = "accounts.sessions"
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "login"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = int(timedelta(days=30).total_seconds())
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "config.errors.csrf_failure"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = ENV.https
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]

# Headers
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "connect-src": [SELF],
        "font-src": [SELF],
        "manifest-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    },
}
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if ENV.https:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# The longest message fits whichever way it is escaped: 12 bytes a character at most. A form of many fields is never
# sent.
DATA_UPLOAD_MAX_MEMORY_SIZE = 3_000_000
DATA_UPLOAD_MAX_NUMBER_FIELDS = 200
# A file of chats, where one is expected: see config.limits. Django keeps it on disk while it is read.
IMPORT_MAX_BYTES = ENV.import_max_mb * 1_000_000

# Each under its own name. English is in the code, the others are in locale/: see config.catalogs.
LANGUAGES = [("en", "English"), ("de", "Deutsch"), ("zh-hans", "简体中文"), ("ar", "العربية")]
LOCALE_PATHS = [ENV.data_dir / "locale"]
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True

# REST
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["api.authentication.BearerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["api.parsers.BoundedJSONParser"],
    "DEFAULT_PAGINATION_CLASS": "api.pagination.NewestFirst",
    "EXCEPTION_HANDLER": "api.errors.handle",
    "DEFAULT_SCHEMA_CLASS": "api.schema.operations.Operation",
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "api.negotiation.WhatThereIs",
    "PAGE_SIZE": 50,
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=15),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=14),
    "ROTATE_REFRESH_TOKENS": True,
    "BLACKLIST_AFTER_ROTATION": True,
    "UPDATE_LAST_LOGIN": False,
    "AUTH_TOKEN_CLASSES": ["accounts.jwts.AccessToken"],
    "TOKEN_OBTAIN_SERIALIZER": "api.serializers.accounts.LogInInput",
    "TOKEN_REFRESH_SERIALIZER": "api.serializers.accounts.RefreshInput",
    "TOKEN_BLACKLIST_SERIALIZER": "api.serializers.accounts.LogOutInput",
    "ALGORITHM": "HS256",
    "SIGNING_KEY": jwt_signing_key(ENV, SECRET_KEY),
}
# See api.schema
SPECTACULAR_SETTINGS = {
    "OAS_VERSION": "3.1.0",
    "TITLE": "Parley",
    "DESCRIPTION": "Chats with open models. docs/API.md is the guide; every error says what to do, and has a `code`.",
    "VERSION": "1",
    "LICENSE": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
    "SCHEMA_PATH_PREFIX": "/(api|v1)",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {"Status": "chat.models.Status", "Rating": "chat.models.Rating"},
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "GENERIC_ADDITIONAL_PROPERTIES": "bool",
    "POSTPROCESSING_HOOKS": ["drf_spectacular.hooks.postprocess_schema_enums", "api.schema.links.add_links"],
    "TAGS": [
        {"name": "chat", "description": "Ask, and follow the answer."},
        {"name": "sessions", "description": "Chats: find, make, change, share, export and import them."},
        {"name": "interactions", "description": "Questions and their answers."},
        {"name": "presets", "description": "System prompts and parameters under a name."},
        {"name": "account", "description": "Your account, its settings and data."},
        {"name": "tokens", "description": "Access tokens, and personal API tokens."},
        {"name": "inference", "description": "The model itself."},
        {"name": "openai", "description": "For clients of OpenAI's API."},
        {"name": "server", "description": "What this server is, and what its model can take."},
        {"name": "schema", "description": "This description."},
    ],
}

# Pages of other origins may use the API where the operator names them: with tokens, never with a browser's cookies.
if ENV.cors_origins:
    INSTALLED_APPS.append("corsheaders")
    MIDDLEWARE.insert(0, "corsheaders.middleware.CorsMiddleware")
    CORS_ALLOWED_ORIGINS = list(ENV.cors_origins)
    CORS_URLS_REGEX = r"^/(api|v1)/"
    # Whatever OpenAI's clients and others send; the wildcard does not speak of this one.
    CORS_ALLOW_HEADERS = ["*", "authorization"]
    CORS_EXPOSE_HEADERS = ["*"]

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {
        "django": {"handlers": [], "level": "INFO", "propagate": True},
        # A client's mistakes are answered; they are nothing for the operator to act on.
        "django.request": {"level": "ERROR"},
    },
}
