from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.payments import StripeSandbox, running_stripe


@pytest.fixture(scope="session")
def _running_stripe() -> Iterator[StripeSandbox]:
    with running_stripe() as sandbox:
        yield sandbox


@pytest.fixture
def stripe_sandbox(_running_stripe: StripeSandbox, settings: Any) -> Iterator[StripeSandbox]:
    """A Stripe that knows nothing yet, which the settings point at."""
    settings.STRIPE_API_BASE = _running_stripe.api_base
    _running_stripe.webhooks_to("")
    _running_stripe.reset()
    yield _running_stripe
    _running_stripe.webhooks_to("")


@pytest.fixture(autouse=True)
def _consumers() -> None:
    """Every task is imported, so that each event has its consumers."""
    importlib.import_module("charges.tasks")
