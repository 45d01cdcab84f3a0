"""The environment, read in one place: by the site's settings and by the launcher.

No Django in here: the launcher reads the environment before there is a site to set up.
"""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

REPOSITORY = Path(__file__).resolve().parents[2]
KEY_MIN_LENGTH = 32


class EnvError(Exception):
    """One or more variables have a value that cannot be used: one line each, naming the variable."""


def _http_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be a URL such as http://127.0.0.1:8001")
    return value.rstrip("/")


def _key(value: str) -> str:
    if len(value) < KEY_MIN_LENGTH:
        raise ValueError(f"must have at least {KEY_MIN_LENGTH} random characters, such as `openssl rand -hex 32` gives")
    return value


def _postgres_url(value: str) -> str:
    if urlsplit(value).scheme not in {"postgres", "postgresql"}:
        raise ValueError("must be a URL such as postgresql://user:password@host:5432/parley (Postgres only)")
    return value


def _networks(value: tuple[str, ...]) -> tuple[str, ...]:
    try:
        return tuple(str(ip_network(one)) for one in value)
    except ValueError:
        raise ValueError("must be addresses or networks such as 10.0.0.5,172.16.0.0/12,fd00::/8") from None


def _origins(values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname or value != f"{parts.scheme}://{parts.netloc}":
            raise ValueError("must be origins such as https://app.example.org, without a path or a slash at the end")
    return values


def _split_on_commas(value: object) -> object:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def _absolute(path: Path) -> Path:
    return path.expanduser().resolve()


Port = Annotated[int, Field(ge=1, le=65535)]
HttpUrl = Annotated[str, AfterValidator(_http_url)]
PostgresUrl = Annotated[str, AfterValidator(_postgres_url)]
Key = Annotated[str, AfterValidator(_key)]
AbsolutePath = Annotated[Path, AfterValidator(_absolute)]
CommaSeparated = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split_on_commas)]
Origins = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split_on_commas), AfterValidator(_origins)]
Networks = Annotated[CommaSeparated, AfterValidator(_networks)]
Bound = Annotated[int, Field(ge=0, le=1_000_000_000)]


class Env(BaseSettings):
    """What an operator may set; the README's table says what each variable does.

    An empty value counts as unset, so that a compose file may pass every variable on.
    """

    model_config = SettingsConfigDict(env_ignore_empty=True, frozen=True, extra="ignore")

    host: str = "127.0.0.1"
    port: Port = 8000
    data_dir: AbsolutePath = REPOSITORY / ".data"
    database_url: PostgresUrl | None = None
    database_url_file: AbsolutePath | None = None
    tgi_url: HttpUrl | None = None
    tgi_port: Port = 8001
    tgi_api_key: str | None = None
    tgi_api_key_file: AbsolutePath | None = None
    model_id: str | None = None
    hf_token: str | None = None
    secret_key: str | None = None
    secret_key_file: AbsolutePath | None = None
    jwt_signing_key: Key | None = None
    jwt_signing_key_file: AbsolutePath | None = None
    allowed_hosts: CommaSeparated = ()
    cors_origins: Origins = ()
    signup: Literal["open", "closed"] = "open"
    web_processes: Annotated[int, Field(ge=1, le=64)] = 1
    https: bool = False
    answers_per_user: Annotated[int, Field(ge=1, le=100_000)] = 8
    # Limits; 0 means none. `limits.policies` says what each one counts. They are wide enough for a school behind one
    # address and for a script that uses all the answers that one may have running.
    answers_per_minute: Bound = 600
    requests_per_minute: Bound = 6000
    requests_per_minute_per_token: Bound = 3000
    anonymous_requests_per_minute: Bound = 600
    logins_per_minute: Bound = 300
    signups_per_hour: Bound = 300
    wrong_passwords: Bound = 5
    wrong_passwords_per_address: Bound = 100
    wrong_passwords_per_account: Bound = 100
    tokens_per_day: Bound = 0
    # Whose word about where a request came from is taken: the proxies in front of the site.
    trusted_proxies: Networks = ("127.0.0.0/8", "::1/128")
    import_max_mb: Annotated[int, Field(ge=1, le=1000)] = 50
    database_pool: Annotated[int, Field(ge=2, le=1000)] = 16
    # Seconds. Connecting; until the first token of an answer (it may wait in the server's queue); between two tokens;
    # and for how long a server that is away or overloaded is tried again before the answer fails.
    tgi_connect_timeout: Annotated[float, Field(gt=0, le=600)] = 5
    tgi_first_token_timeout: Annotated[float, Field(gt=0, le=3600)] = 120
    tgi_token_timeout: Annotated[float, Field(gt=0, le=3600)] = 60
    tgi_retry_for: Annotated[float, Field(ge=0, le=3600)] = 10

    @property
    def local_hosts(self) -> tuple[str, ...]:
        """HOST itself as a host name to answer to, unless it means every interface."""
        return () if self.host in {"0.0.0.0", "::", ""} else (self.host,)  # noqa: S104 - compared, not bound


def read_env() -> Env:
    """Read and check the process's environment.

    Raises:
        EnvError: at least one variable cannot be used; its text has one line per variable and shows no
            value, since some of them are secrets.
    """
    try:
        env = Env()
        return Env(**found) if (found := _read_files(env)) else env
    except ValidationError as error:
        lines = [f"{str(item['loc'][0]).upper()}: {_say(item['msg'])}" for item in error.errors()]
        raise EnvError("\n".join(lines)) from None


def _read_files(env: Env) -> dict[str, Any]:
    """The secrets that are given as files, by field; one that is given itself as well counts as it is."""
    found = {}
    for name in ("database_url", "tgi_api_key", "jwt_signing_key"):
        path: Path | None = getattr(env, f"{name}_file")
        if path is None or getattr(env, name) is not None:
            continue
        try:
            found[name] = path.read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise EnvError(f"{name.upper()}_FILE: {path} cannot be read: {_reason(error)}") from None
        if not found[name]:
            raise EnvError(f"{name.upper()}_FILE: {path} is empty")
    return found


def _reason(error: OSError | UnicodeDecodeError) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else "it is not text"


def _say(message: str) -> str:
    return message.removeprefix("Value error, ").replace("Input should be", "must be")
