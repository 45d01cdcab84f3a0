"""The environment: what is taken, and that every value that cannot be used is named."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from config.env import REPOSITORY, Env, EnvError, read_env


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any variable of Parley's, whatever this test run was started with."""
    for name in os.environ:
        if name.lower() in Env.model_fields:
            monkeypatch.delenv(name)


def test_without_variables_everything_is_local() -> None:
    env = read_env()
    assert (env.host, env.port, env.tgi_port) == ("127.0.0.1", 8000, 8001)
    assert env.data_dir == REPOSITORY / ".data"
    assert (env.database_url, env.tgi_url, env.secret_key) == (None, None, None)
    assert (env.signup, env.web_processes) == ("open", 1)


def test_empty_value_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "")
    monkeypatch.setenv("DATABASE_URL", "")
    env = read_env()
    assert (env.port, env.database_url) == (8000, None)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "eighty"),
        ("PORT", "0"),
        ("PORT", "65536"),
        ("TGI_PORT", "-1"),
        ("WEB_PROCESSES", "0"),
        ("WEB_PROCESSES", "two"),
        ("SIGNUP", "maybe"),
        ("DATABASE_URL", "mysql://user:hunter2@host/parley"),
        ("DATABASE_URL", "hunter2"),
        ("TGI_URL", "127.0.0.1:8001"),
        ("TGI_URL", "ftp://hunter2@host"),
        ("TGI_URL", "http://"),
        ("CORS_ORIGINS", "hunter2"),
        ("CORS_ORIGINS", "*"),
        ("CORS_ORIGINS", "https://app.example, https://app.example/hunter2"),
        ("CORS_ORIGINS", "https://app.example/"),
        ("CORS_ORIGINS", "ftp://hunter2.example"),
    ],
)
def test_unusable_value_is_one_line_that_names_the_variable_and_hides_the_value(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(EnvError) as caught:
        read_env()
    lines = str(caught.value).splitlines()
    assert len(lines) == 1
    assert lines[0].startswith(f"{name}: must be")
    assert "hunter2" not in lines[0]


def test_each_unusable_variable_has_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "eighty")
    monkeypatch.setenv("SIGNUP", "maybe")
    with pytest.raises(EnvError) as caught:
        read_env()
    assert {line.partition(":")[0] for line in str(caught.value).splitlines()} == {"PORT", "SIGNUP"}


def test_paths_are_absolute_and_know_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    monkeypatch.setenv("DATA_DIR", "~/parley data")
    monkeypatch.setenv("SECRET_KEY_FILE", "key")
    env = read_env()
    assert env.data_dir == Path("/home/someone/parley data").resolve()
    assert env.secret_key_file == Path("key").resolve()


def test_urls_and_lists_are_taken_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TGI_URL", "https://tgi.example:8443/base/")
    monkeypatch.setenv("ALLOWED_HOSTS", "chat.example, .example.org,,")
    monkeypatch.setenv("CORS_ORIGINS", "https://app.example, http://127.0.0.1:5173")
    env = read_env()
    assert env.tgi_url == "https://tgi.example:8443/base"
    assert env.cors_origins == ("https://app.example", "http://127.0.0.1:5173")
    assert env.allowed_hosts == ("chat.example", ".example.org")
