"""Row locks are taken in one module of each app, so that their order can be read there."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def modules_that_lock(app: str) -> set[str]:
    return {
        str(path.relative_to(ROOT)) for path in (ROOT / app).rglob("*.py") if locks_rows(path.read_text())
    }


def locks_rows(source: str) -> bool:
    return any(
        (isinstance(node, ast.Attribute) and node.attr == "select_for_update")
        or (isinstance(node, ast.Constant) and isinstance(node.value, str) and "FOR UPDATE" in node.value)
        for node in ast.walk(ast.parse(source))
    )


@pytest.mark.parametrize("app", ["subscriptions", "orders", "charges", "notifications"])
def test_only_the_locks_module_locks_rows(app: str) -> None:
    assert modules_that_lock(app) == {f"{app}/operations/locks.py"}


def test_the_relay_and_the_inbox_lock_their_own_rows_only() -> None:
    assert modules_that_lock("integrations") == {"integrations/inbox/locks.py", "integrations/outbox/relay.py"}
    assert modules_that_lock("config") == set()


def test_a_planted_lock_is_found() -> None:
    assert locks_rows('Order.objects.raw("SELECT * FROM orders_order FOR UPDATE")')
    assert locks_rows("Order.objects.filter(pk=1).select_for_update().get()")
    assert not locks_rows("Order.objects.get(pk=1)")
