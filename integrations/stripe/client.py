"""The connection to Stripe: one SDK client per process, and the one place where its exceptions are caught."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from django.conf import settings

from integrations.errors import ProviderUnclear

if TYPE_CHECKING:
    from stripe import StripeClient

# Seconds. The SDK's own 80 would outlast a task's time limit. A capture makes at most seven calls, most often four, on
# one connection, and ends with the first that times out: together they stay below the topology's PROVIDER_TIMEOUTS.
# With the quick rounds before, and a connection for each call, they stay below the time limit of the queue.
MAX_CALLS = 7
CONNECT_TIMEOUT = 2.0
READ_TIMEOUT = 6.0
PATIENT = (CONNECT_TIMEOUT, READ_TIMEOUT)
# Where a person waits in front of a web page, and one of few web threads with them.
QUICK = (1.0, 3.0)


def client(*, timeouts: tuple[float, float] = PATIENT) -> StripeClient:
    """This process's client for the account and the address in the settings. ``timeouts``: seconds to connect, and to
    wait for an answer."""
    # A forked worker must not share its parent's connections, hence the process id.
    return _client(os.getpid(), settings.STRIPE_API_KEY, settings.STRIPE_API_BASE, timeouts)


@functools.lru_cache(maxsize=8)
def _client(_pid: int, api_key: str, api_base: str, timeouts: tuple[float, float]) -> StripeClient:
    import stripe

    stripe.enable_telemetry = False
    return stripe.StripeClient(
        api_key,
        base_addresses={"api": api_base},
        # We retry on the queue, under keys of our own; a retry in here would hide the first failure's outcome.
        max_network_retries=0,
        http_client=stripe.RequestsClient(timeout=timeouts),
    )


@contextmanager
def stripe_errors() -> Iterator[None]:
    """Run one call and the reading of its answer; whatever goes wrong leaves as one of
    ``integrations.errors``."""
    import stripe

    from integrations.stripe.errors import classified

    try:
        yield
    except stripe.StripeError as error:
        # Not "from error": the SDK's exception holds the whole answer, client secrets included.
        raise classified(error) from None
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        # JSON, but not the object that was asked for: the request may well have had its effect.
        unclear = ProviderUnclear(f"Stripe's answer could not be read ({type(error).__name__}).")
        unclear.provider = "stripe"
        raise unclear from None
