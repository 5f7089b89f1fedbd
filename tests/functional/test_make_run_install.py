"""The shell script that creates `.venv` reports each problem in one line. These tests download nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.processes import ROOT

NEW_PYTHON = "#!/bin/sh\nexit 0\n"
OLD_PYTHON = '#!/bin/sh\ncase "$2" in *platform*) echo 3.9.2;; *) exit 1;; esac\n'
WITHOUT_VENV = '#!/bin/sh\ncase "$2" in *ensurepip*) exit 1;; esac\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A clone without a .venv."""
    for name in ("requirements.txt", "requirements-dev.txt"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def install(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environ = {"PATH": os.environ["PATH"], **variables}
    command = ["sh", str(ROOT / "config/development/install.sh")]
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=60, check=False)


def test_an_old_python_is_reported_in_one_line(folder: Path) -> None:
    rejected = install(folder, PYTHON=str(script(folder / "bin" / "python3", OLD_PYTHON)))

    assert rejected.returncode == 1
    assert rejected.stderr == f"✗ PYTHON={folder}/bin/python3 is Python 3.9.2; the shop needs 3.11 or newer.\n"


def test_a_missing_python_is_reported_in_one_line(folder: Path) -> None:
    for name in ("python3", "python"):
        script(folder / "bin" / name, OLD_PYTHON)
    shutil.copy("/bin/sh", folder / "bin" / "sh")

    rejected = install(folder, PATH=str(folder / "bin"))

    assert rejected.returncode == 1
    assert rejected.stderr.startswith("✗ No Python 3.11 or newer on the PATH (python3 is 3.9.2).")
    assert len(rejected.stderr.splitlines()) == 1


def test_an_unknown_command_is_reported_in_one_line(folder: Path) -> None:
    assert install(folder, PYTHON="no-such-python").stderr == "✗ PYTHON=no-such-python: there is no such command.\n"


def test_for_a_python_without_venv_the_missing_package_is_named(folder: Path) -> None:
    rejected = install(folder, PYTHON=str(script(folder / "bin" / "python3", WITHOUT_VENV)))

    assert rejected.returncode == 1
    assert "apt install python3-venv" in rejected.stderr


@pytest.mark.parametrize(
    ("pip_output", "message"),
    [
        ("Failed to establish a new connection: [Errno 111]", "✗ The package index cannot be reached"),
        ("ERROR: No matching distribution found for django==9", "✗ The requirements could not be installed"),
    ],
)
def test_a_failure_of_pip_is_explained(folder: Path, pip_output: str, message: str) -> None:
    fake = f'#!/bin/sh\ncase "$*" in "-m pip"*) echo "{pip_output}"; exit 1;; esac\n'
    script(folder / ".venv" / "bin" / "python", fake)

    rejected = install(folder)

    assert rejected.returncode == 1
    assert message in rejected.stderr
    assert not (folder / ".venv" / "requirements.stamp").exists()


def test_progress_never_exceeds_the_total(folder: Path) -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        (folder / name).write_text("one==1\n")
    for name in ("one", "pip", "setuptools"):
        (folder / f".venv/lib/python3/site-packages/{name}-1.dist-info").mkdir(parents=True)
    fake = '#!/bin/sh\ncase "$*" in "-m pip"*) echo "Installing collected packages: one"; sleep 3;; esac\n'
    script(folder / ".venv" / "bin" / "python", fake)

    assert "installing, 1 of about 1\n" in install(folder).stdout


def test_requirements_are_installed_again_only_if_they_change(folder: Path) -> None:
    script(folder / ".venv" / "bin" / "python", NEW_PYTHON)

    first, second = install(folder), install(folder)
    with (folder / "requirements.txt").open("a") as requirements:
        requirements.write("one-more==1\n")
    third = install(folder)

    assert [done.returncode for done in (first, second, third)] == [0, 0, 0]
    assert "✓ installed" in first.stdout
    assert second.stdout == second.stderr == ""
    assert "✓ installed" in third.stdout
