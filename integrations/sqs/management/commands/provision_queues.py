from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from integrations.sqs import current, provisioning
from integrations.sqs.client import SqsUnavailable


class Command(BaseCommand):
    help = "Create the SQS queues and their dead-letter queues, and correct attributes that have drifted."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="change nothing; exit 1 if anything is wrong")

    def handle(self, *args: Any, check: bool, **options: Any) -> None:
        act = provisioning.inspect if check else provisioning.provision
        try:
            findings = [self._report(finding, check=check) for finding in act(current.topology())]
        except SqsUnavailable as exc:
            raise CommandError(str(exc)) from exc
        wrong = sum(not finding.in_order for finding in findings)
        if check and wrong:
            raise CommandError(f"{wrong} of {len(findings)} queues are not as they should be: run provision_queues")

    def _report(self, finding: provisioning.QueueDrift, *, check: bool) -> provisioning.QueueDrift:
        done = "" if check or finding.in_order else ("; created" if finding.missing else "; corrected")
        self.stdout.write(f"{finding}{done}")
        return finding
