"""The documents agree with the code: queues, tasks, variables, commands, links and paths."""

from __future__ import annotations

import re
import subprocess
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest
from celery.schedules import crontab
from django.apps import apps
from django.core.management import get_commands

from config.schedule import JOBS
from integrations.outbox.events import Event, consumers_of
from integrations.sqs.tasks import registered_tasks
from integrations.sqs.topology import QUEUES

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [
    *sorted(ROOT.glob("*.md")),
    *sorted(ROOT.glob("docs/**/*.md")),
    *sorted(ROOT.glob("benchmarks/*.md")),
]
# The changelog names what was renamed or removed, too.
CURRENT_DOCUMENTS = [path for path in DOCUMENTS if path.name != "CHANGELOG.md"]
QUEUES_PAGE = ROOT / "docs" / "reference" / "queues.md"
CONFIGURATION_PAGE = ROOT / "docs" / "reference" / "configuration.md"
MAX_README_LINES = 150
LOG_LEVELS = {"DEBUG", "INFO", "WARNING", "ERROR"}

each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
each_current_document = pytest.mark.parametrize(
    "document", CURRENT_DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT))
)


def section(document: Path, heading: str) -> str:
    return document.read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]


def rows(text: str) -> list[list[str]]:
    """The cells of each row of the tables, without the headings."""
    found: list[list[str]] = []
    lines = text.splitlines()
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if line.startswith("|") and not line.startswith("| ---") and not following.startswith("| ---"):
            found.append([cell.strip() for cell in line.strip("|").split("|")])
    return found


def code_in(document: Path) -> list[str]:
    """The fenced blocks and the `code spans` of a document."""
    text = document.read_text()
    blocks = re.findall(r"^ *```.*?\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
    prose = re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL)
    return [*blocks, *re.findall(r"`([^`\n]+)`", prose)]


def shop_tasks() -> dict[str, str]:
    return {name: queue.name for name, queue in registered_tasks().items() if not name.startswith("tests.")}


def triggers_by_task() -> dict[str, set[str]]:
    triggers: dict[str, set[str]] = defaultdict(set)
    for event in Event.__subclasses__():
        for name in consumers_of(event):
            triggers[name].add(event.__name__)
    return triggers


@cache
def source_text() -> str:
    """All code that reads a variable or declares a constant; tests do not count."""
    listed = subprocess.run(
        ["git", "ls-files", "*.py", "*.sh", "*.js", "Makefile", "Procfile"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    return "\n".join((ROOT / name).read_text() for name in listed if not name.startswith("tests/"))


def anchors(document: Path) -> set[str]:
    """The anchors that a code host gives the headings of a document."""
    text = re.sub(r"^ *```.*?^ *```", "", document.read_text(), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= MAX_README_LINES


def test_the_readme_lists_the_queues() -> None:
    listed = [row[:2] for row in rows(section(ROOT / "README.md", "The queues"))]
    assert listed == [[f"`{queue.name}`", queue.domain] for queue in QUEUES]


def test_the_picture_shows_the_queues_and_needs_no_other_file() -> None:
    picture = (ROOT / "docs" / "order-flow.svg").read_text()
    assert set(re.findall(r"\w+Queue", picture)) == {queue.name for queue in QUEUES}
    assert re.findall(r"https?://[^\"]+", picture) == ["http://www.w3.org/2000/svg"]
    assert "<script" not in picture
    assert "prefers-color-scheme: dark" in picture


def test_the_reference_lists_the_queues() -> None:
    listed = [[name, domain, *numbers] for name, domain, _, *numbers in rows(section(QUEUES_PAGE, "Queues"))]
    assert listed == [
        [f"`{queue.name}`", queue.domain, str(queue.visibility_timeout), str(queue.concurrency)] for queue in QUEUES
    ]


def test_the_reference_lists_the_tasks() -> None:
    listed = [(name.strip("`"), queue.strip("`")) for name, queue, *_ in rows(section(QUEUES_PAGE, "Tasks"))]
    assert len(listed) == len(dict(listed))
    assert dict(listed) == shop_tasks()


def test_the_reference_names_the_events_of_each_task() -> None:
    tasks = rows(section(QUEUES_PAGE, "Tasks"))
    listed = {name.strip("`"): set(re.findall(r"`(\w+)`", trigger)) for name, _, trigger, _ in tasks}
    triggers = triggers_by_task()
    assert listed == {name: triggers.get(name, set()) for name in shop_tasks()}


def test_the_reference_gives_the_time_of_each_periodic_job() -> None:
    tasks = rows(section(QUEUES_PAGE, "Tasks"))
    listed = {name.strip("`"): trigger for name, _, trigger, _ in tasks if "`" not in trigger}
    assert listed == {job["task"]: in_words(job["schedule"]) for job in JOBS.values()}


def in_words(schedule: crontab) -> str:
    """The times of a crontab as the reference writes them."""
    minute, hour = str(schedule._orig_minute), str(schedule._orig_hour)
    if hour != "*":
        return f"daily at {int(hour):02}:{int(minute):02}"
    if minute == "*":
        return "every minute"
    return f"every {minute.removeprefix('*/')} minutes" if minute.startswith("*/") else f"hourly at :{minute}"


def test_the_reference_lists_every_environment_variable() -> None:
    listed = {
        name for row in rows(CONFIGURATION_PAGE.read_text()) for name in re.findall(r"`([A-Z][A-Z0-9_]+)`", row[0])
    }
    sandbox = section(CONFIGURATION_PAGE, "Sandbox")
    for_the_sandbox = {name for row in rows(sandbox) for name in re.findall(r"`([A-Z][A-Z0-9_]+)`", row[0])}
    in_env = set(re.findall(r'"([A-Z][A-Z_]{4,})"', (ROOT / "config" / "env.py").read_text())) - LOG_LEVELS
    in_procfile = set(re.findall(r"\$\{([A-Z_]+)", (ROOT / "Procfile").read_text()))
    in_sandbox = {
        name
        for file in ("config.py", "__main__.py")
        for name in re.findall(r'"([A-Z]+_[A-Z_]+)"', (ROOT / "integrations" / "sandbox" / file).read_text())
    }
    assert listed - for_the_sandbox == in_env | in_procfile
    assert for_the_sandbox == in_sandbox - in_env


@each_current_document
def test_every_variable_and_constant_exists(document: Path) -> None:
    words = set(re.findall(r"\b[A-Z][A-Z0-9]*_[A-Z0-9_]*[A-Z0-9]\b", "\n".join(code_in(document))))
    known = set(re.findall(r"\b[A-Z][A-Z0-9]*_[A-Z0-9_]*[A-Z0-9]\b", source_text()))
    assert words - known == set()


@each_document
def test_every_make_target_exists(document: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {name for code in code_in(document) for name in re.findall(r"(?:^|\s)make ([a-z-]+)", code)}
    assert named - targets == set()


@each_document
def test_every_management_command_exists(document: Path) -> None:
    code = "\n".join(code_in(document))
    named = set(re.findall(r"manage\.py ([a-z_]+)", code)) | set(re.findall(r'make manage ARGS="?([a-z_]+)', code))
    assert named - set(get_commands()) == set()


@each_document
def test_every_relative_link_resolves(document: Path) -> None:
    text = "\n".join(re.sub(r"`[^`\n]*`", "", line) for line in document.read_text().splitlines())
    targets = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'(?:src|href)="([^"]+)"', text)
    for target in targets:
        if re.match(r"[a-z]+:", target) or target.startswith("//"):
            continue
        path, _, anchor = target.partition("#")
        file = (document.parent / path).resolve() if path else document
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), target


@each_current_document
def test_every_path_exists(document: Path) -> None:
    folders = "config|notifications|charges|orders|subscriptions|integrations|tests|benchmarks|docs"
    named = {
        name for code in code_in(document) for name in re.findall(rf"(?<![\w./-])(?:{folders})/[\w./-]*[\w/]", code)
    }
    assert {name for name in named if not (ROOT / name).exists()} == set()


@each_current_document
def test_every_module_exists(document: Path) -> None:
    packages = "config|notifications|charges|orders|subscriptions|integrations"
    named = {name for code in code_in(document) for name in re.findall(rf"(?<![\w./-])(?:{packages})(?:\.\w+)+", code)}
    assert {name for name in named if not exists_in_code(name)} == set()


def exists_in_code(dotted: str) -> bool:
    """Whether this is a task, a permission of a model, a module, or a name in a module."""
    if dotted in registered_tasks() or is_permission(dotted):
        return True
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        base = ROOT.joinpath(*parts[:length])
        for file in (base.with_suffix(".py"), base / "__init__.py"):
            if file.exists():
                rest = parts[length:]
                return not rest or bool(re.search(rf"\b{rest[0]}\b", file.read_text()))
    return False


def is_permission(dotted: str) -> bool:
    label, _, codename = dotted.partition(".")
    action, _, model = codename.partition("_")
    own = {
        f"{known._meta.app_label}.{name}" for known in apps.get_models() for name, _ in known._meta.permissions
    }
    return dotted in own or (
        action in ("add", "change", "delete", "view")
        and (label, model) in {(known._meta.app_label, known._meta.model_name) for known in apps.get_models()}
    )
