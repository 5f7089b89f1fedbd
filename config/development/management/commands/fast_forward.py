"""Moves the clock of the running development shop forward."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser


class Command(BaseCommand):
    help = (
        "Move the clock of the running development shop and of its sandbox forward, so that renewals, dunning and "
        "reminders happen in a moment. The clock cannot be moved back."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--days", type=int, default=1, help="how far to move the clock (default: %(default)s)")

    def handle(self, *, days: int, **_: Any) -> None:
        from config.development import clock, fast_forward

        if days < 1:
            raise CommandError("--days must be 1 or more.")
        shop_clock = clock.shop_clock()
        if shop_clock is None:
            raise CommandError(
                'Run it on the running shop: make manage ARGS="fast_forward --days 30". '
                "The shop must use the database and the sandbox that make run starts."
            )
        fast_forward.fast_forward(clock=shop_clock, days=days, report=self.stdout.write)
