from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from subscriptions.models import Plan
from tests.support.stack import Stack


@pytest.fixture(scope="package")
def running_stack(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    # The processes use the test database of this run, so they end before other tests use it.
    with django_db_blocker.unblock():
        stack = Stack(tmp_path_factory.mktemp("stack"))
    yield stack
    stack.stop()


@pytest.fixture
def shop(running_stack: Stack, transactional_db: None, magazine: Plan) -> Iterator[Stack]:
    """The running shop with one plan in its database, empty queues and an empty sandbox.

    A test that uses it must be in the xdist group ``stack``, so that only one shop runs.
    """
    running_stack.sandbox.reset()
    yield running_stack
    running_stack.sandbox.faults()
    running_stack.wait_until_idle()
    running_stack.purge()
