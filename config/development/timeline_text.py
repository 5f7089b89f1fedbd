"""The progress of a checkout as lines of text."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from config.desk.timeline import DONE, FAILED, Step
from config.development.checkout_progress import Progress
from config.development.screen import BOLD, DIM, GREEN, RED, Screen

MARKS = {DONE: ("✓", GREEN), FAILED: ("✗", RED)}
QUEUE_WIDTH = 13


def lines(progress: Progress, screen: Screen) -> Iterator[str]:
    """A heading, then one line for each step: milliseconds since the request, queue, step, event and result."""
    step_width = max(len(step.what) for step in progress.steps)
    event_width = max(len("event"), *(len(step.event) for step in progress.steps))
    heading = f"{'ms':>8}  {'queue':<{QUEUE_WIDTH}}    {'step':<{step_width}}  {'event':<{event_width}}  result"
    yield screen.paint(heading, BOLD)
    for step in progress.steps:
        yield _line(step, progress.placed.requested_at, screen, step_width, event_width)


def milliseconds(since: dt.datetime, at: dt.datetime | None) -> str:
    return "…" if at is None else f"{(at - since).total_seconds() * 1000:.0f}"


def _line(step: Step, began: dt.datetime, screen: Screen, step_width: int, event_width: int) -> str:
    sign, color = MARKS.get(step.state, ("…", DIM))
    mark = screen.paint(sign, color) if step.queue or step.state == FAILED else " "
    event = screen.paint(f"{step.event:<{event_width}}", DIM)
    when = milliseconds(began, step.at)
    return f"{when:>8}  {step.queue:<{QUEUE_WIDTH}}  {mark} {step.what:<{step_width}}  {event}  {step.result}"
