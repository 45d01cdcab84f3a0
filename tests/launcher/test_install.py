"""Set-up, in a copy of the launcher with requirements of its own: tiny wheels from a folder, no network."""

from __future__ import annotations

import ast
import os
import shutil
import signal
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from launcher import REPOSITORY
from launcher.pip import explain
from tests.launcher.running import free_port

LIMIT = 60.0  # seconds; making a virtual environment takes a few


def make_wheel(folder: Path, name: str, version: str) -> None:
    """The smallest wheel that pip takes: one module, and its version in it."""
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}.py", f"version = {version!r}\n")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")


class Checkout:
    """A copy of what set-up needs, in a path with a space."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "a clone"
        self.wheels = folder / "wheels"
        self.wheels.mkdir()
        shutil.copytree(Path(REPOSITORY, "launcher"), self.folder / "launcher")
        (self.folder / "tgi").mkdir()
        for name in ("for_site", "for_tgi", "for_tests", "model"):
            make_wheel(self.wheels, name, "1")
        self.require("requirements.txt", "for_site==1")
        self.require("tgi/requirements.txt", "for_tgi==1")
        self.require("tgi/requirements-model.txt", "model==1")
        self.require("requirements-dev.txt", "for_tests==1")
        self.require("tgi/requirements-transformers.txt", "for_tgi==1")

    def require(self, file: str, requirement: str) -> None:
        (self.folder / file).write_text(requirement + "\n")

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Set-up, then what the arguments say; from the folder of wheels unless the environment says else."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
        pip = environment or {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": self.wheels.as_uri()}
        return subprocess.Popen(
            [sys.executable, "-m", "launcher.bootstrap", *arguments],
            cwd=self.folder,
            env=inherited | {"PIP_CONFIG_FILE": os.devnull} | pip,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *arguments: str, **environment: str) -> tuple[int, str]:
        """The exit code and the output of `start`."""
        with self.start(*arguments, **environment) as process:
            output, _ = process.communicate(timeout=LIMIT)
        return process.returncode, output


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_installs_once_then_goes_straight_on_until_a_requirement_changes(checkout: Checkout) -> None:
    show = ("-c", "import for_site, for_tgi, model; print(for_site.version)")
    code, output = checkout.run(*show)
    assert code == 0, output
    assert output.splitlines()[0].startswith("Making a virtual environment")
    assert output.splitlines()[-1] == "1"

    assert checkout.run(*show) == (0, "1\n"), "the second time nothing is installed, and nothing said"

    code, output = checkout.run("--dev", "-c", "import for_tests; print('tests')")
    assert (code, output.splitlines()[-1]) == (0, "tests")
    assert checkout.run(*show) == (0, "1\n"), "what is enough for the tests is enough to run"

    make_wheel(checkout.wheels, "for_site", "2")
    checkout.require("requirements.txt", "for_site==2")
    code, output = checkout.run(*show)
    assert (code, output.splitlines()[-1]) == (0, "2")
    assert "Making a virtual environment" not in output

    checkout.require("requirements.txt", "for_site==3")
    code, output = checkout.run(*show)
    assert code == 1
    assert output.splitlines()[-1].startswith("Set-up failed: there is no for_site==3 for Python")

    checkout.require("requirements.txt", "for_site==2")
    assert checkout.run(*show)[0] == 0, "a failed update spoils nothing"


def test_without_a_network_it_is_one_line(checkout: Checkout) -> None:
    code, output = checkout.run(PIP_INDEX_URL=f"http://127.0.0.1:{free_port()}/simple")
    assert code == 1
    _, line = output.splitlines()
    assert line.startswith("Set-up failed: the package index cannot be reached.")


def test_interrupted_set_up_ends_pip_and_is_begun_again(checkout: Checkout) -> None:
    log = checkout.folder / ".venv" / "install.log"
    with socket.create_server(("127.0.0.1", 0)) as silent_index:
        url = f"http://127.0.0.1:{silent_index.getsockname()[1]}/simple"
        with checkout.start(PIP_INDEX_URL=url) as process:
            connection, _ = silent_index.accept()  # pip is at work now, and waits for an answer
            process.send_signal(signal.SIGTERM)
            output, _ = process.communicate(timeout=10)
        connection.settimeout(10)
        with connection:
            while connection.recv(65_536):  # until pip has ended and with it its connection
                pass
    assert process.returncode == 130
    assert "Set-up interrupted" in output
    assert log.exists()

    code, output = checkout.run("-c", "import for_site")
    assert code == 0
    assert output.startswith("Making a virtual environment"), "a half-made one is not trusted"


def test_old_python_can_read_the_file_that_refuses_it() -> None:
    for name in ("__init__.py", "bootstrap.py"):
        ast.parse(Path(REPOSITORY, "launcher", name).read_text(), feature_version=(3, 6))


@pytest.mark.parametrize(
    ("output", "said"),
    [
        (
            "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device",
            "disk space",
        ),
        ("NewConnectionError\nERROR: No matching distribution found for django==5.2", "cannot be reached"),
        ("ERROR: No matching distribution found for xllamacpp==1", "there is no xllamacpp==1 for Python"),
        ("ERROR: x-1-cp311-cp311-macosx.whl is not a supported wheel on this platform.", "no x-1-cp311"),
        ("ERROR: something new", "the reason is at the end of /a/log"),
    ],
)
def test_reasons_are_told_apart(output: str, said: str) -> None:
    assert said in explain(output, Path("/a/log"))
