"""Print the ids of the customers who were erased, for ``replay_erasures``."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.dateparse import parse_date

from subscriptions.operations.erasures import replays


class Command(BaseCommand):
    help = (
        "Print the ids of the customers who were erased, one a line, and nothing else about them. Keep the list with "
        "the backups: replay_erasures erases these customers again after a restore."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--since", metavar="DATE", help="only erasures since this date, such as 2026-11-01; UTC")

    def handle(self, *args: Any, **options: Any) -> None:
        for customer_id in replays.erased_customers(since=_start_of(options["since"])):
            self.stdout.write(str(customer_id))


def _start_of(text: str | None) -> dt.datetime | None:
    if text is None:
        return None
    try:
        day = parse_date(text)
    except ValueError:
        day = None
    if day is None:
        raise CommandError(f"--since: {text!r} is not a date. Write it as 2026-11-01.")
    return dt.datetime.combine(day, dt.time(), tzinfo=dt.UTC)
