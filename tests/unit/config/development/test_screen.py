"""The lines that the launcher prints, on a terminal and elsewhere."""

from __future__ import annotations

import io

import pytest

from config.development.screen import Screen


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)


def test_without_a_terminal_lines_are_not_rewritten_and_have_no_color() -> None:
    stream = io.StringIO()
    screen = Screen(stream)
    screen.waiting("PostgreSQL")
    screen.done("PostgreSQL", 0.94)

    assert stream.getvalue() == "  ✓ PostgreSQL         0.9 s\n"


def test_on_a_terminal_the_progress_line_is_replaced_when_the_step_is_done() -> None:
    stream = Terminal()
    screen = Screen(stream)
    screen.waiting("PostgreSQL")
    screen.done("PostgreSQL")

    before, _, after = stream.getvalue().partition("\r\033[K")
    assert before == "  … PostgreSQL"
    assert "\033[32m✓\033[0m PostgreSQL" in after


def test_no_color_switches_colors_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    stream = Terminal()
    Screen(stream).failed("web", "ended")

    assert stream.getvalue() == "  ✗ web              ended\n"


def test_a_closed_stream_raises_no_error() -> None:
    class ClosedStream(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    Screen(ClosedStream()).line("nobody reads this")
