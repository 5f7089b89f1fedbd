"""The Procfile is read as written, and its commands run as one process."""

from __future__ import annotations

import os
import subprocess

import pytest

from config.development import procfile


def test_commands_are_read_by_name_in_order() -> None:
    text = "# comment\n\nweb: serve --port 80\nworker-a:   work   \n"

    assert list(procfile.parse(text).items()) == [("web", "serve --port 80"), ("worker-a", "work")]


@pytest.mark.parametrize("line", ["web", "web:", "web serve", ": serve", "we b: serve"])
def test_an_invalid_line_is_rejected_with_its_number(line: str) -> None:
    with pytest.raises(procfile.BadProcfile, match="line 2"):
        procfile.parse(f"relay: run\n{line}\n")


def test_a_repeated_name_is_rejected() -> None:
    with pytest.raises(procfile.BadProcfile, match="two lines for web"):
        procfile.parse("web: a\nweb: b\n")


def test_the_shell_expands_variables_and_execs_the_command() -> None:
    command = 'sh -c \'echo "$0 $$"\' "${NUMBER:-7}"'
    process = subprocess.Popen(
        procfile.shell_arguments(command), env={"PATH": os.environ["PATH"]}, stdout=subprocess.PIPE, text=True
    )
    output, _ = process.communicate()

    assert output.split() == ["7", str(process.pid)]
