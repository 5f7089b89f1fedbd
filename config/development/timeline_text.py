"""A timeline as lines of text."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from config.development.screen import BOLD, DIM, GREEN, RED, Screen
from config.development.timeline import DONE, FAILED, Step, Timeline

MARKS = {DONE: ("✓", GREEN), FAILED: ("✗", RED)}
QUEUE_WIDTH = 13
LONGEST_WHAT = 40


def lines(timeline: Timeline, screen: Screen) -> Iterator[str]:
    """A heading, then one aligned line per step: milliseconds since the request, queue, step, result, its cause."""
    width = min(LONGEST_WHAT, max(len(step.what) for step in timeline.steps))
    result_width = max(len(step.result) for step in timeline.steps if step.cause) if _has_causes(timeline) else 0
    heading = f"{'ms':>8}  {'queue':<{QUEUE_WIDTH}}    {'step':<{width}}  result"
    yield screen.paint(heading, BOLD)
    for step in timeline.steps:
        yield _line(step, timeline.placed.asked_at, screen, width, result_width)


def milliseconds(since: dt.datetime, at: dt.datetime | None) -> str:
    return "…" if at is None else f"{(at - since).total_seconds() * 1000:.0f}"


def _line(step: Step, began: dt.datetime, screen: Screen, width: int, result_width: int) -> str:
    sign, color = MARKS.get(step.state, ("…", DIM))
    mark = screen.paint(sign, color) if step.queue or step.state == FAILED else " "
    cause = screen.paint(f"  ← {step.cause}", DIM) if step.cause else ""
    result = f"{step.result:<{result_width}}" if cause else step.result
    text = (
        f"{milliseconds(began, step.at):>8}  {step.queue:<{QUEUE_WIDTH}}  {mark} {step.what:<{width}}  {result}{cause}"
    )
    return text.rstrip()


def _has_causes(timeline: Timeline) -> bool:
    return any(step.cause for step in timeline.steps)
