"""Reconcile our payments with Stripe and print a report for people, or JSON with ``--json``."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import time
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from charges.models import ReconciliationFinding, ReconciliationKind, ReconciliationRun
from charges.operations.reconciliation import runs
from integrations.errors import ProviderError, TransientError
from integrations.quick_retries import with_quick_retries

QUIET_SECONDS = 2.0
NEWEST = f"the last {runs.GRACE // dt.timedelta(minutes=1)} minutes are not compared"
SHOWN = 100  # of the findings of each state; the admin has all of them


class Command(BaseCommand):
    help = (
        "Compare payment intents, refunds and disputes with Stripe in both directions, and resolve safe differences. "
        "Exit 0 if no finding is open, 1 if one is open, 2 if the comparison could not be finished. A second run with "
        "the same options continues where the first one stopped."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--since", required=True, type=_moment, metavar="WHEN", help="a date or a time, as 2026-11-01; UTC"
        )
        parser.add_argument(
            "--until", type=_moment, metavar="WHEN", help=f"the same; without it, as late as possible: {NEWEST}"
        )
        parser.add_argument("--json", action="store_true", help="write one JSON object instead of the report")
        parser.add_argument("--no-resolve", action="store_true", help="find only; change nothing here or at Stripe")

    def handle(self, *args: Any, **options: Any) -> None:
        run = self._run(since=options["since"], until=options["until"], resolve=not options["no_resolve"])
        if options["json"]:
            self.stdout.write(json.dumps(_as_json(run), indent=2, ensure_ascii=False))
        else:
            self._report(run)
        if run.open:
            raise CommandError(f"{run.open} open findings")

    def _run(self, *, since: dt.datetime, until: dt.datetime | None, resolve: bool) -> ReconciliationRun:
        now = timezone.now()
        if since > now:
            raise CommandError(f"--since: {_minute(since)} is in the future.", returncode=2)
        if since >= now - runs.GRACE:
            raise CommandError(f"--since: {_minute(since)} is too new; {NEWEST}.", returncode=2)
        try:
            run = runs.begin(since=since, until=until, resolve=resolve, at=now)
        except runs.NothingToCompare as error:
            raise CommandError(f"--since: {error}", returncode=2) from error
        if run.counts:
            self.stderr.write(f"Continuing the run that began at {_minute(run.started_at)}.")
        if until is not None and until > run.until:
            self.stderr.write(f"--until: compared up to {_minute(run.until)}; {NEWEST}.")
        progress = self._progress()
        try:
            return with_quick_retries(lambda: runs.complete(run_id=run.pk, at=now, after_each=progress))
        except (ProviderError, TransientError) as error:
            raise CommandError(f"{error} Run it again: it continues where it stopped.", returncode=2) from error

    def _progress(self) -> Callable[[ReconciliationRun], None]:
        shown_at = time.monotonic()

        def show_progress(run: ReconciliationRun) -> None:
            nonlocal shown_at
            if time.monotonic() - shown_at > QUIET_SECONDS:
                shown_at = time.monotonic()
                self.stderr.write(f"{run.get_phase_display()} … ({_counted(run)})", self.style.NOTICE)

        return show_progress

    def _report(self, run: ReconciliationRun) -> None:
        newest = f"; {NEWEST}" if run.asked_until != run.until else ""
        self.stdout.write(f"Compared the objects created from {run} UTC{newest}: {_counted(run)}.")
        for status, title in (("resolved", "Resolved"), ("open", "Open")):
            number = getattr(run, status)
            if number:
                self.stdout.write(f"\n{title}: {number:,}")
            for finding in _findings(run, status):
                self._write_finding(finding)
            if number > SHOWN:
                self.stdout.write(f"  … and {number - SHOWN:,} more; the admin lists them all")
        if not run.found:
            self.stdout.write("Both sides agree.")

    def _write_finding(self, finding: ReconciliationFinding) -> None:
        mark = "✗" if finding.status == ReconciliationFinding.Status.OPEN else "✓"
        order = f", order {finding.charge.order.number}" if finding.charge else ""
        self.stdout.write(f"  {mark} {finding.kind} {finding.stripe_id}{order}: {finding.problem}")
        self.stdout.write(f"    {finding.details}")
        if finding.resolution:
            self.stdout.write(f"    {finding.resolution}")
        if finding.status == ReconciliationFinding.Status.OPEN:
            self.stdout.write(f"    Next: {finding.next_step}")


def _moment(text: str) -> dt.datetime:
    try:
        day = parse_date(text)
        moment = dt.datetime.combine(day, dt.time()) if day else parse_datetime(text)
    except ValueError:
        moment = None
    if moment is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a date or time such as 2026-11-01 or 2026-11-01T14:30")
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


def _minute(moment: dt.datetime) -> str:
    return f"{moment.astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC"


def _counted(run: ReconciliationRun) -> str:
    return ", ".join(f"{run.counts.get(kind, 0):,} {kind}s" for kind in ReconciliationKind.values)


def _findings(run: ReconciliationRun, status: str) -> list[ReconciliationFinding]:
    found = ReconciliationFinding.objects.filter(run=run, status=status).select_related("charge__order")
    return list(found.order_by("kind", "problem", "pk")[:SHOWN])


def _as_json(run: ReconciliationRun) -> dict[str, Any]:
    return {
        "since": run.since.isoformat(),
        "until": run.until.isoformat(),
        "compared": {kind: run.counts.get(kind, 0) for kind in ReconciliationKind.values},
        "found": run.found,
        "resolved": run.resolved,
        "open": run.open,
        "findings": [
            {
                "kind": finding.kind,
                "problem": finding.problem,
                "stripe_id": finding.stripe_id,
                "order_number": finding.charge.order.number if finding.charge else None,
                "details": finding.details,
                "status": finding.status,
                "resolution": finding.resolution,
                "next_step": finding.next_step if finding.status == ReconciliationFinding.Status.OPEN else "",
                "first_seen_at": finding.first_seen_at.isoformat(),
            }
            for status in ("open", "resolved")
            for finding in _findings(run, status)
        ],
    }
