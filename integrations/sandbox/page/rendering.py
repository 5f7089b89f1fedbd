"""The templates of the page, and their filters."""

from __future__ import annotations

import html
from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, select_autoescape

from integrations.sandbox.stripe_api import amounts

TONES = {
    "good": {"succeeded", "delivered", "sent", "won", "opened", "click", "200", "201", "202", "204"},
    "busy": {"requires_action", "requires_confirmation", "processing", "pending", "sending", "deferred"},
    "bad": {"canceled", "failed", "lost", "dropped", "hard_bounce", "soft_bounce", "blocked", "spam",
            "requires_payment_method", "rejected", "unsubscribed", "invalid_email", "error"},
}  # fmt: skip
"""The color of a word, by the words that have it."""


def _money(amount: int, currency: str) -> str:
    return amounts.formatted(amount, currency).upper()


def _time(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%H:%M:%S")


def _tone(word: object) -> str:
    text = str(word)
    default = "bad" if text[:1] in ("4", "5") else "plain"
    return next((tone for tone, words in TONES.items() if text in words), default)


def _plain_preview(text: str) -> str:
    """A plain-text mail as an HTML document for the preview."""
    return f'<pre style="font:14px/1.5 ui-monospace,monospace;white-space:pre-wrap">{html.escape(text)}</pre>'


TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=select_autoescape(default=True),
    trim_blocks=True,
    lstrip_blocks=True,
)
TEMPLATES.filters |= {"money": _money, "clock": _time, "tone": _tone, "as_document": _plain_preview}
