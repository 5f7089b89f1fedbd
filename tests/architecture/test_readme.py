"""The README says what the code does: the queues, their tasks, and every variable."""

from __future__ import annotations

import re
from pathlib import Path

from integrations.sqs.tasks import registered_tasks
from integrations.sqs.topology import QUEUES

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()


def rows(heading: str) -> list[list[str]]:
    section = README.split(f"## {heading}\n")[1].split("\n## ")[0]
    table = [line for line in section.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]


def test_the_table_of_queues_is_the_topology() -> None:
    tasks = {name: queue for name, queue in registered_tasks().items() if not name.startswith("tests.")}
    assert rows("The queues") == [
        [
            f"`{queue.name}`",
            queue.domain,
            " ".join(f"`{name}`" for name in sorted(tasks) if tasks[name] == queue),
            str(queue.visibility_timeout),
            str(queue.concurrency),
        ]
        for queue in QUEUES
    ]


def test_the_table_of_variables_is_what_the_code_reads() -> None:
    told = {name for row in rows("Configuration") for name in re.findall(r"`([A-Z_]+)`", row[0])}
    read = set(re.findall(r'"([A-Z][A-Z_]{4,})"', (ROOT / "config" / "env.py").read_text()))
    used = set(re.findall(r"\$\{([A-Z_]+)", (ROOT / "Procfile").read_text()))
    log_levels = {"DEBUG", "INFO", "WARNING", "ERROR"}
    assert (read | used) - log_levels <= told
    assert told - read - used <= {"DATA_DIR"}
