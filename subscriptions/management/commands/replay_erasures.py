"""Erase again, after a restore, the customers of a list of ``list_erasures``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from subscriptions.operations.erasures import replays


class Command(BaseCommand):
    help = (
        "Erase again the customers of a list that list_erasures has written. Run it after a backup was restored and "
        "before the workers start, so that no customer gets a message. It may be run again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--file", required=True, type=Path, metavar="F", help="the list, one id a line")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            ids = replays.read_list(options["file"].read_text().splitlines())
        except OSError as error:
            raise CommandError(f"--file: {options['file']} cannot be read: {error.strerror}.") from error
        except replays.BadList as error:
            raise CommandError(f"--file: {error}") from error
        done = replays.replay(customer_ids=ids, at=timezone.now())
        self.stdout.write(
            f"{len(done.again)} are being erased again, {len(done.before)} were erased before, "
            f"{len(done.unknown)} are not in this database."
        )
