"""What Parley is made of: the commands of its services, and the environment each is given."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

from config.env import Env
from launcher import REPOSITORY, SITE
from launcher.processes import Command

PYTHON = sys.executable
# What only the site is told: the model server needs neither the database nor the key.
SITE_ONLY = ("DATABASE_URL", "DATABASE_URL_FILE", "SECRET_KEY", "SECRET_KEY_FILE")
LOOPBACK = "127.0.0.1"


def log_file(env: Env, name: str) -> Path:
    """The log of a service: web, tgi, postgres, prepare."""
    return env.data_dir / "log" / f"{name}.log"


def site_environment(env: Env, *, database_url: str, tgi_url: str) -> dict[str, str]:
    """The environment of the site's programs, with every path absolute."""
    return {
        **_base_environment(),
        **_secret(env),
        "DATA_DIR": str(env.data_dir),
        "DATABASE_URL": database_url,
        "TGI_URL": tgi_url,
        "DJANGO_SETTINGS_MODULE": "config.settings",  # a shell may still have another project's
    }


def web_command(env: Env, environment: Mapping[str, str], fd: int, number: int) -> Command:
    """One web process, on the listening socket it inherits as `fd`; `number` counts from 1."""
    return Command(
        name="web",
        title="the site" if env.web_processes == 1 else f"web process {number}",
        argv=(PYTHON, "-m", "config.server", "--fd", str(fd)),
        log=log_file(env, "web"),
        cwd=REPOSITORY,
        env=environment,
        pass_fds=(fd,),
    )


def tgi_command(env: Env) -> Command:
    """The local model server; it reads MODEL_ID and HF_TOKEN from the environment."""
    environment = {name: value for name, value in _base_environment().items() if name not in SITE_ONLY}
    return Command(
        name="tgi",
        title="the local model server",
        argv=(PYTHON, "-m", "tgi", "--port", str(env.tgi_port), "--hostname", LOOPBACK),
        log=log_file(env, "tgi"),
        cwd=REPOSITORY,
        env=environment,
    )


def prepare_command(env: Env, environment: Mapping[str, str]) -> Command:
    """Brings the database's tables and the collected static files up to date, and ends; quick if they are."""
    return Command(
        name="prepare",
        title="the preparation of the site",
        argv=(PYTHON, str(SITE / "manage.py"), "prepare"),
        log=log_file(env, "prepare"),
        cwd=REPOSITORY,
        env=environment,
    )


def _base_environment() -> dict[str, str]:
    path = [str(SITE), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path), "PYTHONUNBUFFERED": "1"}


def _secret(env: Env) -> dict[str, str]:
    """The site's secret key: the operator's, or one generated once under DATA_DIR, for its owner only."""
    if env.secret_key:
        return {"SECRET_KEY": env.secret_key}
    if env.secret_key_file:
        return {"SECRET_KEY_FILE": str(env.secret_key_file)}
    file = env.data_dir / "secret_key"
    if not file.exists():
        new = file.with_suffix(".new")  # renamed when whole: a crash leaves no empty key
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
            stream.write(secrets.token_urlsafe(50))
        new.replace(file)
    return {"SECRET_KEY_FILE": str(file)}
