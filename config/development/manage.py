"""Runs a management command on the shop that runs in this folder: ``make manage ARGS="check_ledger"``.

``manage.py`` reads all settings from the environment, as in production. The database and the ports of a development
shop are known only while it runs, so this command adds them.
"""

from __future__ import annotations

import os
import sys

from django.core.management import execute_from_command_line

from config.development import runlock
from config.development.runlock import NotRunning
from config.development.stack import data_folder


def main() -> None:
    try:
        facts = runlock.running(data_folder())
    except NotRunning as error:
        sys.exit(f"{error} Start it with: make run")
    os.environ.update(facts["variables"])
    execute_from_command_line(["manage.py", *sys.argv[1:]])


if __name__ == "__main__":
    main()
