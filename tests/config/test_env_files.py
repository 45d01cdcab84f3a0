"""Secrets given as files, as containers get them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from config.env import Env, EnvError, read_env
from config.settings import jwt_signing_key

URL = "postgresql://parley:secret@postgres:5432/parley"


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any variable of Parley's, whatever this test run was started with."""
    for name in os.environ:
        if name.lower() in Env.model_fields:
            monkeypatch.delenv(name)


def test_a_secret_is_read_from_its_file_without_the_end_of_the_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "url").write_text(URL + "\n")
    (tmp_path / "key").write_text("abc\n")
    monkeypatch.setenv("DATABASE_URL_FILE", str(tmp_path / "url"))
    monkeypatch.setenv("TGI_API_KEY_FILE", str(tmp_path / "key"))
    env = read_env()
    assert (env.database_url, env.tgi_api_key) == (URL, "abc")


def test_the_variable_itself_counts_before_its_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TGI_API_KEY", "given")
    monkeypatch.setenv("TGI_API_KEY_FILE", str(tmp_path / "missing"))
    assert read_env().tgi_api_key == "given"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "DATABASE_URL_FILE: .* cannot be read: No such file or directory"),
        (b"\n", "DATABASE_URL_FILE: .* is empty"),
        (b"\xff", "DATABASE_URL_FILE: .* cannot be read: it is not text"),
        (b"mysql://user:hunter2@host/parley", "DATABASE_URL: must be a URL"),
    ],
)
def test_an_unusable_file_is_named_and_its_content_is_not_shown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None, said: str
) -> None:
    path = tmp_path / "url"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setenv("DATABASE_URL_FILE", str(path))
    with pytest.raises(EnvError, match=said) as caught:
        read_env()
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("given", ["JWT_SIGNING_KEY", "JWT_SIGNING_KEY_FILE"])
def test_a_short_key_for_tokens_is_refused_and_not_shown(
    given: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "key"
    path.write_text("hunter2")
    monkeypatch.setenv(given, str(path) if given.endswith("_FILE") else "hunter2")
    with pytest.raises(EnvError, match="JWT_SIGNING_KEY: must have at least 32 random characters") as caught:
        read_env()
    assert "hunter2" not in str(caught.value)


def test_a_key_for_tokens_is_read_from_its_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("k" * 32 + "\n")
    monkeypatch.setenv("JWT_SIGNING_KEY_FILE", str(tmp_path / "key"))
    assert read_env().jwt_signing_key == "k" * 32


def test_without_a_key_for_tokens_there_is_one_derived_from_the_secret_key(monkeypatch: pytest.MonkeyPatch) -> None:
    env = read_env()
    assert jwt_signing_key(env, "s" * 50) != jwt_signing_key(env, "t" * 50)
    assert len(jwt_signing_key(env, "s" * 50)) == 64
    monkeypatch.setenv("JWT_SIGNING_KEY", "k" * 32)
    assert jwt_signing_key(read_env(), "s" * 50) == jwt_signing_key(read_env(), "t" * 50) == "k" * 32
