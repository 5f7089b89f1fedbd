"""Simulates a year of the shop in minutes, and checks the ledger."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser


class Command(BaseCommand):
    help = (
        "Run the shop's operations over a simulated clock, in a database of their own and against the sandbox in this "
        "process: checkouts, renewals, declines, dunning, cancellations, outages and lost messages. Print revenue, "
        "churn and the success of dunning, and check the ledger. The exit code is 1 if the ledger is broken."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--subscriptions", type=int, default=1000, help="checkouts (default: %(default)s)")
        parser.add_argument("--days", type=int, default=365, help="simulated days (default: %(default)s)")
        parser.add_argument("--seed", type=int, default=7, help="the same seed gives the same figures")
        parser.add_argument("--plot", type=Path, metavar="FILE", help="write the figures as an SVG")

    def handle(self, *, subscriptions: int, days: int, seed: int, plot: Path | None, **_: Any) -> None:
        # Imported here, because these modules import the sandbox and replace what other commands use.
        from config.development.simulation import plot as plots
        from config.development.simulation import report
        from config.development.simulation.run import simulate

        if subscriptions < 1 or days < 1:
            raise CommandError("--subscriptions and --days must be 1 or more.")
        result = simulate(subscriptions=subscriptions, days=days, seed=seed, progress=self._report)
        for line in report.lines(result):
            self.stdout.write(line)
        if plot is not None:
            title = f"{subscriptions:,} subscriptions, {days} days, seed {seed}"
            plot.write_text(plots.svg(result.months, title=title))
        self._report(f"{result.seconds:.0f} s")
        if result.broken:
            raise CommandError(f"These invariants of the ledger are broken: {', '.join(result.broken)}.")

    def _report(self, text: str) -> None:
        self.stderr.write(text)
