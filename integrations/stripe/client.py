"""The connection to Stripe: one SDK client per process, and the only place that catches the SDK's exceptions."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.conf import settings

from integrations import in_process
from integrations.errors import ProviderUnclear

if TYPE_CHECKING:
    from stripe import HTTPClient, StripeClient

# Seconds. The SDK's default, 80, exceeds a task's time limit. A capture makes at most seven calls, usually four, on
# one connection, and ends with the first time-out, so all calls together stay below the topology's PROVIDER_TIMEOUTS.
# With quick retries, and a new connection for each call, they stay below the queue's time limit.
MAX_CALLS = 7
CONNECT_TIMEOUT = 2.0
READ_TIMEOUT = 6.0
DEFAULT_TIMEOUTS = (CONNECT_TIMEOUT, READ_TIMEOUT)
# For calls while a customer waits for a page: they occupy one of few web threads.
WEB_TIMEOUTS = (1.0, 3.0)


def client(*, timeouts: tuple[float, float] = DEFAULT_TIMEOUTS) -> StripeClient:
    """This process's client. ``timeouts``: seconds to connect, and to wait for a response."""
    # The process id is part of the key, because a forked worker must not share its parent's connections.
    return _client(os.getpid(), settings.STRIPE_API_KEY, settings.STRIPE_API_BASE, timeouts)


@functools.lru_cache(maxsize=8)
def _client(_pid: int, api_key: str, api_base: str, timeouts: tuple[float, float]) -> StripeClient:
    import stripe

    stripe.enable_telemetry = False
    return stripe.StripeClient(
        api_key,
        base_addresses={"api": api_base},
        # The queue retries, with idempotency keys of this project. A retry here would hide the first failure.
        max_network_retries=0,
        http_client=_http_client(api_base, timeouts),
    )


def _http_client(api_base: str, timeouts: tuple[float, float]) -> HTTPClient:
    import stripe

    if in_process.answers(api_base):
        return _in_process_client()
    return stripe.RequestsClient(timeout=timeouts)


def _in_process_client() -> HTTPClient:
    import stripe

    class InProcess(stripe.HTTPClient):
        name = "in_process"

        def request(
            self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None, **_: Any
        ) -> tuple[str, int, Mapping[str, str]]:
            body = post_data if isinstance(post_data, bytes) else (post_data or "").encode()
            try:
                status, fields, content = in_process.call(method=method, url=url, headers=headers or {}, body=body)
            except ConnectionError as error:
                raise stripe.APIConnectionError("The connection was dropped.") from error  # type: ignore[no-untyped-call]
            return content.decode(), status, fields

        def close(self) -> None:
            """There is no connection to close."""

    return InProcess()


@contextmanager
def stripe_errors() -> Iterator[None]:
    """Run one call and read its response. Every error is raised as one of ``integrations.errors``."""
    import stripe

    from integrations.stripe.errors import classified

    try:
        yield
    except stripe.StripeError as error:
        # Not "from error": the SDK's exception holds the whole response, including client secrets.
        raise classified(error) from None
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        # The response is JSON, but not the expected object. The request may have had its effect.
        unclear = ProviderUnclear(f"Stripe's response could not be read ({type(error).__name__}).")
        unclear.provider = "stripe"
        raise unclear from None
