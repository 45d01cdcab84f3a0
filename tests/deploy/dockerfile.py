"""Builds a Dockerfile's stages without Docker: what is /opt/venv in the image is FOLDER/STAGE/opt/venv here, and the
base image's programs are this machine's."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from dockerfile_parse import DockerfileParser

from launcher import REPOSITORY

# The places in the images that the steps and settings speak of.
PLACES = ("build", "config", "data", "etc/caddy", "opt", "parley", "tmp", "usr/bin/caddy", "var/lib/apt")
PLACE = re.compile(rf"(?<![\w./-])/(?={'|'.join(PLACES)}\b)")
# What would change this machine is only looked at: whether there are such packages. Owners are root's to change.
SHIMS = {"apt-get": '[ "$1" = update ] || exec /usr/bin/apt-get --simulate "$@"'}
NOT_ROOT_SHIMS = {"chown": ":", "setcap": ":"}


@dataclass
class Stage:
    """A stage while it is built, in the end the image: `root` is its file system."""

    root: Path
    workdir: str = "/"
    env: dict[str, str] = field(default_factory=dict)
    user: str = "root"
    command: list[str] = field(default_factory=list)

    def here(self, text: str) -> str:
        """The text with the image's absolute paths as paths of this machine."""
        return PLACE.sub(f"{self.root}/", text)

    def environment(self, programs: Path) -> dict[str, str]:
        found = {"PATH": f"{programs}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME": str(self.root)}
        for name, value in self.env.items():
            found[name] = self.here(value).replace("$PATH", found["PATH"])
        for name in ("PIP_INDEX_URL", "PIP_CONFIG_FILE", "SSL_CERT_FILE"):  # where this machine gets its packages
            if name in os.environ:
                found[name] = os.environ[name]
        return found


class Build:
    """`dockerfile` built in `folder`; `base` are files and folders of its base images, by their path in them."""

    def __init__(self, dockerfile: Path, folder: Path, base: Mapping[str, Path] | None = None) -> None:
        self._folder = folder
        self._base = base or {}
        self._context = build_context(folder / "context")
        self._stages: dict[str, Stage] = {}
        self.programs = _programs(folder / "programs")
        for step in DockerfileParser(fileobj=BytesIO(dockerfile.read_bytes())).structure:  # type: ignore[arg-type]  # bytes it is
            getattr(self, f"_{step['instruction'].lower()}")(step["value"])
        self.image = self._stage

    def _comment(self, value: str) -> None:
        pass

    def _from(self, value: str) -> None:
        name = value.partition(" AS ")[2] or "image"
        self._stage = self._stages[name] = Stage(self._folder / name)
        for place in ("tmp", "var/lib/apt/lists"):
            (self._stage.root / place).mkdir(parents=True)
        for path, source in self._base.items():
            target = self._stage.root / path.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copytree(source, target) if source.is_dir() else shutil.copy2(source, target)

    def _workdir(self, value: str) -> None:
        self._stage.workdir = value
        (self._stage.root / value.lstrip("/")).mkdir(parents=True, exist_ok=True)

    def _copy(self, value: str) -> None:
        parts = shlex.split(value)
        options = {part[2:].partition("=")[0]: part.partition("=")[2] for part in parts if part.startswith("--")}
        *sources, target = (part for part in parts if not part.startswith("--"))
        origin = self._stages[options["from"]].root if "from" in options else self._context
        into = self._stage.root / self._stage.workdir.lstrip("/") / target
        if target.startswith("/"):
            into = self._stage.root / target.lstrip("/")
        for source in sources:
            found = origin / source.lstrip("/")
            if found.is_dir():
                shutil.copytree(found, into, symlinks=True, dirs_exist_ok=True, copy_function=_link)
            else:
                destination = into / found.name if target.endswith("/") else into
                destination.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(found, destination)

    def _run(self, value: str) -> None:
        stage = self._stage
        done = subprocess.run(
            ["/bin/sh", "-c", stage.here(value)],
            cwd=stage.root / stage.workdir.lstrip("/"),
            env=stage.environment(self.programs),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{value}\n{done.stdout}\n{done.stderr}"

    def _env(self, value: str) -> None:
        self._stage.env |= {name: text for name, _, text in (part.partition("=") for part in shlex.split(value))}

    def _user(self, value: str) -> None:
        self._stage.user = value

    def _expose(self, value: str) -> None:
        pass

    def _cmd(self, value: str) -> None:
        self._stage.command = json.loads(value)

    def environment(self, **variables: str | Path | int) -> dict[str, str]:
        """What a container of the image is run with."""
        return {**self.image.environment(self.programs), **{name: str(value) for name, value in variables.items()}}


def build_context(folder: Path) -> Path:
    """What .dockerignore lets through to a build."""
    lines = (REPOSITORY / ".dockerignore").read_text().splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    assert patterns[0] == "*", "nothing goes into an image that is not named"
    allowed = [pattern[1:] for pattern in patterns if pattern.startswith("!")]
    ignored = [pattern.removeprefix("**/") for pattern in patterns if pattern.startswith("**/")]
    for name in allowed:
        source = REPOSITORY / name
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns(*ignored))
        else:
            shutil.copy2(source, folder / name)
    return folder


def _programs(folder: Path) -> Path:
    """The base image's `python`, and stand-ins for what must not be run here."""
    folder.mkdir(parents=True)
    shims = {"python": f'exec {shlex.quote(sys.executable)} "$@"', **SHIMS}
    if os.geteuid() != 0:
        shims |= NOT_ROOT_SHIMS
    for name, script in shims.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    return folder


def _link(source: str, target: str) -> None:
    os.link(source, target, follow_symlinks=False)
