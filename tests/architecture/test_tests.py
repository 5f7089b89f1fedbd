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


# Modules whose logic is small or is tested as a whole, by what they are called.
NEEDS_NO_MIRROR = {
    "__init__.py",
    "__main__.py",
    "admin.py",  # tests/functional/test_admin.py reads every page
    "apps.py",
    "events.py",  # data only; tests/architecture/test_house.py
    "settings.py",  # tests/unit/config/test_env.py
    "tasks.py",  # a task makes one call; the functional tests run them
    "urls.py",
}
# Folders that other tests cover: the launcher (tests/functional/test_make_run.py), the stand-ins (by subject).
NEED_NO_MIRROR = ("config/development/", "integrations/sandbox/")

# Modules without a mirrored test file, and the file that tests them instead. This list may only shrink.
LOG_IN = "functional/test_log_in_by_mail.py"
TESTED_BY = {
    "notifications/operations/email_sending.py": "unit/notifications/operations/test_emails.py",
    "subscriptions/actors.py": "unit/subscriptions/operations/test_transitions.py",
    "subscriptions/api/auth.py": LOG_IN,
    "subscriptions/api/auth_serializers.py": LOG_IN,
    "subscriptions/api/me.py": "functional/test_manage_my_account.py",
    "subscriptions/api_key_admin.py": "functional/test_use_an_api_key.py",
    "subscriptions/login_pages/views.py": LOG_IN,
}


def modules_with_logic() -> Iterator[str]:
    """Every module of the apps that defines a function and needs a mirrored test file."""
    for app in ("config", "integrations", "subscriptions", "orders", "charges", "notifications"):
        for path in sorted((ROOT / app).rglob("*.py")):
            module = path.relative_to(ROOT).as_posix()
            if path.name in NEEDS_NO_MIRROR or "migrations" in path.parts or module.startswith(NEED_NO_MIRROR):
                continue
            nodes = ast.walk(ast.parse(path.read_text()))
            if {node.name for node in nodes if isinstance(node, ast.FunctionDef)} - {"__str__"}:
                yield module


def mirrors_of(module: str) -> list[str]:
    """The test files in which a reader looks for the module's tests: one for the module, or one for ``models``."""
    path = Path(module)
    folder = Path("unit", *(part for part in path.parent.parts if part != "commands"))
    mirrors = [folder / f"test_{path.name}"]
    if folder.name == "models":
        mirrors.append(folder.parent / "test_models.py")
    return [mirror.as_posix() for mirror in mirrors]


def has_mirror(module: str) -> bool:
    return any((TESTS / mirror).exists() for mirror in mirrors_of(module))


def test_every_module_with_logic_has_its_mirrored_test_file() -> None:
    missing = {module: mirrors_of(module)[0] for module in modules_with_logic() if not has_mirror(module)}
    assert {module: mirror for module, mirror in missing.items() if module not in TESTED_BY} == {}


def test_the_list_of_exceptions_only_shrinks() -> None:
    modules = set(modules_with_logic())
    for module, test_file in TESTED_BY.items():
        assert module in modules, f"{module} does not exist any more: remove it from the list"
        assert not has_mirror(module), f"{module} has its mirrored test file: remove it from the list"
        assert (TESTS / test_file).exists(), f"{module} names a test file that does not exist"


def test_mirrored_paths() -> None:
    assert mirrors_of("charges/operations/locks.py") == ["unit/charges/operations/test_locks.py"]
    assert mirrors_of("charges/management/commands/x.py") == ["unit/charges/management/test_x.py"]
    assert mirrors_of("charges/models/refunds.py")[1] == "unit/charges/test_models.py"


CHANGES_IN_EACH_PROCESS = {"uuid4", "uuid7", "now", "utcnow", "time", "token_hex", "token_urlsafe", "random", "randint"}


def calls_in(node: ast.AST) -> Iterator[ast.Call]:
    """The calls that give a parameter its value. Pytest numbers dictionaries and functions, so these do not matter."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Dict | ast.Lambda):
            continue
        if isinstance(child, ast.Call):
            yield child
        yield from calls_in(child)


def changing_parameters(source: str) -> list[str]:
    """The parametrized tests with other ids in each process. All workers of pytest-xdist must see the same."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or not ast.unparse(node.func).endswith("parametrize"):
            continue
        names = {ast.unparse(call.func).split(".")[-1] for call in calls_in(node)}
        if names & CHANGES_IN_EACH_PROCESS and "ids" not in {keyword.arg for keyword in node.keywords}:
            found.append(f"line {node.lineno}")
    return found


def test_the_ids_of_the_tests_are_the_same_in_each_process() -> None:
    found = {str(path.relative_to(TESTS)): changing_parameters(path.read_text()) for path in TESTS.rglob("test_*.py")}
    assert {path: lines for path, lines in found.items() if lines} == {}


def test_an_id_that_changes_is_seen() -> None:
    assert changing_parameters('@pytest.mark.parametrize("id", [str(uuid4())])\ndef test(id): ...') != []
    assert changing_parameters('@mark.parametrize("at", [timezone.now()])\ndef test(at): ...') != []
    assert changing_parameters('@mark.parametrize("id", [uuid4()], ids=["new"])\ndef test(id): ...') == []
