from __future__ import annotations

import os
import subprocess

import pytest

from config.development import procfile


def test_commands_by_name_in_their_order() -> None:
    text = "# comment\n\nweb: serve --port 80\nworker-a:   work   \n"

    assert list(procfile.parse(text).items()) == [("web", "serve --port 80"), ("worker-a", "work")]


@pytest.mark.parametrize("line", ["web", "web:", "web serve", ": serve", "we b: serve"])
def test_a_line_that_is_none_is_refused_by_its_number(line: str) -> None:
    with pytest.raises(procfile.BadProcfile, match="line 2"):
        procfile.parse(f"relay: run\n{line}\n")


def test_a_name_stands_there_once() -> None:
    with pytest.raises(procfile.BadProcfile, match="two lines for web"):
        procfile.parse("web: a\nweb: b\n")


def test_the_shell_fills_in_the_variables_and_gives_way_to_the_command() -> None:
    command = 'sh -c \'echo "$0 $$"\' "${NUMBER:-7}"'
    process = subprocess.Popen(
        procfile.shell_arguments(command), env={"PATH": os.environ["PATH"]}, stdout=subprocess.PIPE, text=True
    )
    said, _ = process.communicate()

    assert said.split() == ["7", str(process.pid)]
