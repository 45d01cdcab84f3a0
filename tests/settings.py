"""The site's settings for tests: the same, on a throw-away database cluster and data folder."""

from __future__ import annotations

import atexit
import os
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]
from launcher.postgres import temporary_cluster  # noqa: E402 - found through the line above
from tests.support.wide_limits import WIDE  # noqa: E402 - as above

_until_exit = ExitStack()
atexit.register(_until_exit.close)

# The server that the contract's tests are for, where one is given; see tests/tgi/contract/conftest.py.
CONTRACT_SERVER = {name: os.environ.get(name) for name in ("TGI_URL", "TGI_API_KEY", "TGI_ENGINE")}
# What else the developer's shell may hold must not reach the tests.
for name in (
    "SECRET_KEY_FILE",
    "DATABASE_URL_FILE",
    "TGI_URL",
    "TGI_API_KEY",
    "TGI_API_KEY_FILE",
    "MODEL_ID",
    "ALLOWED_HOSTS",
    "CORS_ORIGINS",
    "JWT_SIGNING_KEY",
    "JWT_SIGNING_KEY_FILE",
    "SIGNUP",
    "HOST",
    "PORT",
):
    os.environ.pop(name, None)
os.environ |= WIDE
os.environ["SECRET_KEY"] = "for tests only, " * 4
os.environ["DATA_DIR"] = _until_exit.enter_context(tempfile.TemporaryDirectory(prefix="parley-tests-"))
os.environ["DATABASE_URL"] = _until_exit.enter_context(temporary_cluster())

from config.catalogs import compile_all  # noqa: E402 - the environment comes first
from config.settings import *  # noqa: E402, F403 - the environment comes first

# Hashed names need `collectstatic`, which the tests of the whole stack go through.
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
# Strong hashing is Django's to test; here it would only cost time.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# The folder that `manage.py prepare` fills.
STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # noqa: F405 - from the site's settings
compile_all(LOCALE_PATHS[0])  # noqa: F405 - as above
