from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.payments import StripeSandbox, running_stripe


@pytest.fixture(scope="session")
def running_stripe_sandbox() -> Iterator[StripeSandbox]:
    with running_stripe() as sandbox:
        yield sandbox


@pytest.fixture
def stripe_sandbox(running_stripe_sandbox: StripeSandbox, settings: Any) -> Iterator[StripeSandbox]:
    """A Stripe that knows nothing yet, which the settings point at."""
    settings.STRIPE_API_BASE = running_stripe_sandbox.api_base
    running_stripe_sandbox.webhooks_to("")
    running_stripe_sandbox.reset()
    yield running_stripe_sandbox
    running_stripe_sandbox.webhooks_to("")


@pytest.fixture(autouse=True)
def _consumers() -> None:
    """Every task is imported, so that each event has its consumers."""
    importlib.import_module("charges.tasks")
