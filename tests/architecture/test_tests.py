"""Tests share code through ``tests/support`` and one root conftest, so that a newcomer finds it by guessing."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TESTS = ROOT / "tests"

# Folders whose fixtures make sense nowhere else. This list may only shrink.
LOCAL_CONFTESTS = {
    "integration/shop",  # the shop's processes, which end before other tests use the database
    "integration/sqs",  # the emulator, real workers, and a proxy between them
    "unit/integrations/sandbox",  # clients of the sandbox, with names such as ``charge`` and ``customer``
    "unit/integrations/sqs",  # an empty task registry, and the emulator in this process
}


def imported_modules(source: str) -> Iterator[str]:
    """Every module that the source imports, wherever in the file, with ``a.b`` for ``from a import b`` as well."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def reaches_into_tests(source: str) -> list[str]:
    """The imports that reach into another test module or a conftest."""
    allowed = ("tests.support", "tests.settings")
    return [
        module
        for module in imported_modules(source)
        if module.startswith((".", "tests.")) and not module.startswith(allowed)
    ]


def test_no_test_module_imports_another() -> None:
    found = {str(path.relative_to(TESTS)): reaches_into_tests(path.read_text()) for path in TESTS.rglob("*.py")}
    assert {path: modules for path, modules in found.items() if modules} == {}


def test_an_import_of_another_test_module_is_seen() -> None:
    assert reaches_into_tests("from tests.unit.charges.test_models import Shop") != []
    assert reaches_into_tests("from tests.unit.charges import conftest") != []
    assert reaches_into_tests("def test() -> None:\n    import tests.functional.test_payments") != []
    assert reaches_into_tests("from .conftest import client") != []
    assert reaches_into_tests("from tests.support.factories import place_order") == []


def test_there_is_one_conftest_besides_the_local_ones() -> None:
    folders = {str(path.parent.relative_to(TESTS)) for path in TESTS.rglob("conftest.py")}
    assert folders == {".", *LOCAL_CONFTESTS}
