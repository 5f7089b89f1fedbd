"""Reads the Procfile, so that development runs the same commands as production."""

from __future__ import annotations

import re
from pathlib import Path

LINE = re.compile(r"(?P<name>[A-Za-z0-9_-]+):\s*(?P<command>\S.*)")


class BadProcfile(Exception):
    """A line of the Procfile is not ``name: command``, or a name appears twice."""


def read(path: Path) -> dict[str, str]:
    """The commands by name, in the order of the file. Raises ``BadProcfile``."""
    return parse(path.read_text(encoding="utf-8"))


def parse(text: str) -> dict[str, str]:
    """The commands by name. Variables in them are left to the shell. Raises ``BadProcfile``."""
    commands: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        match = LINE.fullmatch(stripped)
        if match is None:
            raise BadProcfile(f"Procfile, line {number}: write `name: command`.")
        if match["name"] in commands:
            raise BadProcfile(f"Procfile, line {number}: there are two lines for {match['name']}.")
        commands[match["name"]] = match["command"]
    return commands


def shell_arguments(command: str) -> list[str]:
    """The arguments that run a command as one process: the shell expands ``${VAR:-default}`` and then execs it."""
    return ["sh", "-c", f"exec {command}"]
