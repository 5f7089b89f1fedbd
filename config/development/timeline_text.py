"""A timeline as lines of text."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from config.development.screen import BOLD, DIM, GREEN, RED, Screen
from config.development.timeline import DONE, FAILED, Step, Timeline

MARKS = {DONE: ("✓", GREEN), FAILED: ("✗", RED)}
QUEUE_WIDTH = 13


def lines(timeline: Timeline, screen: Screen) -> Iterator[str]:
    """A heading, then one line per step: milliseconds since the request, queue, step, the event that asked for it,
    and what came of it."""
    step_width = max(len(step.what) for step in timeline.steps)
    event_width = max(len("event"), *(len(step.event) for step in timeline.steps))
    heading = f"{'ms':>8}  {'queue':<{QUEUE_WIDTH}}    {'step':<{step_width}}  {'event':<{event_width}}  result"
    yield screen.paint(heading, BOLD)
    for step in timeline.steps:
        yield _line(step, timeline.placed.asked_at, screen, step_width, event_width)


def milliseconds(since: dt.datetime, at: dt.datetime | None) -> str:
    return "…" if at is None else f"{(at - since).total_seconds() * 1000:.0f}"


def _line(step: Step, began: dt.datetime, screen: Screen, step_width: int, event_width: int) -> str:
    sign, color = MARKS.get(step.state, ("…", DIM))
    mark = screen.paint(sign, color) if step.queue or step.state == FAILED else " "
    event = screen.paint(f"{step.event:<{event_width}}", DIM)
    when = milliseconds(began, step.at)
    return f"{when:>8}  {step.queue:<{QUEUE_WIDTH}}  {mark} {step.what:<{step_width}}  {event}  {step.result}"
