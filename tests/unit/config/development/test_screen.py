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


def test_elsewhere_than_on_a_terminal_lines_are_never_rewritten_and_plain() -> None:
    stream = io.StringIO()
    screen = Screen(stream)
    screen.waiting("PostgreSQL")
    screen.done("PostgreSQL", 0.94)

    assert stream.getvalue() == "  ✓ PostgreSQL         0.9 s\n"


def test_a_terminal_sees_what_is_waited_for_until_it_is_there() -> None:
    stream = Terminal()
    screen = Screen(stream)
    screen.waiting("PostgreSQL")
    screen.done("PostgreSQL")

    before, _, after = stream.getvalue().partition("\r\033[K")
    assert before == "  … PostgreSQL"
    assert "\033[32m✓\033[0m PostgreSQL" in after


def test_colors_can_be_declined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    stream = Terminal()
    Screen(stream).failed("web", "ended")

    assert stream.getvalue() == "  ✗ web              ended\n"


def test_a_reader_who_left_stops_nothing() -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    Screen(Gone()).line("anybody there?")
