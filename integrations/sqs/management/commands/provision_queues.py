from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from integrations.sqs import current, provisioning
from integrations.sqs.client import SqsUnavailable


class Command(BaseCommand):
    help = "Create the SQS queues and their dead-letter queues, and correct attributes that differ from the topology."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="change nothing; exit 1 if anything is wrong")

    def handle(self, *args: Any, check: bool, **options: Any) -> None:
        act = provisioning.inspect if check else provisioning.provision
        try:
            drifts = [self._report(drift, check=check) for drift in act(current.topology())]
        except SqsUnavailable as exc:
            raise CommandError(str(exc)) from exc
        wrong = sum(not drift.in_order for drift in drifts)
        if check and wrong:
            raise CommandError(f"{wrong} of {len(drifts)} queues differ from the topology; run provision_queues")

    def _report(self, drift: provisioning.QueueDrift, *, check: bool) -> provisioning.QueueDrift:
        done = "" if check or drift.in_order else ("; created" if drift.missing else "; corrected")
        self.stdout.write(f"{drift}{done}")
        return drift
