"""Check the ledger and print a report for people, or JSON with ``--json``."""

from __future__ import annotations

import dataclasses
import json
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from charges.invariants import INVARIANTS, Invariant
from charges.operations import ledger

QUIET_SECONDS = 2.0
WIDTH = max(len(invariant.name) for invariant in INVARIANTS)


class Command(BaseCommand):
    help = "Check every invariant of orders, charges and subscriptions. Exit 1 if one is broken. Changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="write one JSON object instead of the report")

    def handle(self, *args: Any, **options: Any) -> None:
        verdicts = ledger.check_ledger(before_each=self._progress())
        if options["json"]:
            self.stdout.write(json.dumps(_as_json(verdicts), indent=2, ensure_ascii=False))
        else:
            self._report(verdicts)
        broken = sum(not verdict.holds for verdict in verdicts)
        if broken:
            raise CommandError(f"{broken} of {len(verdicts)} invariants are broken")

    def _progress(self) -> Any:
        began = time.monotonic()
        numbers = iter(range(1, len(INVARIANTS) + 1))

        def show_progress(invariant: Invariant) -> None:
            number = next(numbers)
            if time.monotonic() - began > QUIET_SECONDS:
                self.stderr.write(f"{number}/{len(INVARIANTS)} {invariant.name} …", self.style.NOTICE)

        return show_progress

    def _report(self, verdicts: list[ledger.Verdict]) -> None:
        for verdict in verdicts:
            mark, name = "✓" if verdict.holds else "✗", verdict.invariant.name
            self.stdout.write(f"{mark} {name:{WIDTH}} {verdict.count:>9,} broken {verdict.seconds:7.2f} s")
        for verdict in verdicts:
            if not verdict.holds:
                self._explain(verdict)
        if all(verdict.holds for verdict in verdicts):
            seconds = sum(verdict.seconds for verdict in verdicts)
            self.stdout.write(f"All {len(verdicts)} invariants hold; checked in {seconds:.1f} s.")

    def _explain(self, verdict: ledger.Verdict) -> None:
        self.stdout.write(f"\n✗ {verdict.invariant.name}: {verdict.count:,} broken. {verdict.invariant.sentence}")
        for violation in verdict.examples:
            details = "" if str(violation) == violation.details else f": {violation.details}"
            self.stdout.write(f"  {violation}{details}")
        if verdict.count > len(verdict.examples):
            self.stdout.write(f"  … and {verdict.count - len(verdict.examples):,} more")
        self.stdout.write(f"  Next: {verdict.invariant.next_step}")


def _as_json(verdicts: list[ledger.Verdict]) -> dict[str, Any]:
    return {
        "holds": all(verdict.holds for verdict in verdicts),
        "seconds": round(sum(verdict.seconds for verdict in verdicts), 3),
        "invariants": [
            {
                "name": verdict.invariant.name,
                "sentence": verdict.invariant.sentence,
                "holds": verdict.holds,
                "count": verdict.count,
                "seconds": round(verdict.seconds, 3),
                "examples": [
                    dataclasses.asdict(violation) | {"charge_id": violation.charge_id and str(violation.charge_id)}
                    for violation in verdict.examples
                ],
                "next_step": verdict.invariant.next_step,
            }
            for verdict in verdicts
        ],
    }
