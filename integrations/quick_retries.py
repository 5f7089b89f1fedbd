"""A few quick rounds before the ladder's long steps.

A provider that fails now and then answers the next call. Work that is safe to be delivered again is safe to be run
again at once; four quick rounds a delivery bring a capture of six calls through a provider that fails three calls in
ten, where four deliveries alone would leave one in four in the dead-letter queue.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from integrations.backoff import jittered
from integrations.errors import ProviderThrottled, ProviderUnavailable, ProviderUnclear

T = TypeVar("T")

logger = logging.getLogger(__name__)

PAUSES_SECONDS = (0.1, 0.4, 1.2)
# No round begins later than this after the first: the rest of the task's time is for the round itself.
BUDGET_SECONDS = 10.0


def with_quick_retries(work: Callable[[], T]) -> T:
    """Run ``work``, and again after short pauses where a provider failed or did not say; then the ladder has it.

    Only for work that may run twice. A provider that asks us to slow down is not asked again here.
    """
    began = time.monotonic()
    for pause in PAUSES_SECONDS:
        try:
            return work()
        except ProviderThrottled:
            raise
        except (ProviderUnavailable, ProviderUnclear) as error:
            if time.monotonic() - began + pause > BUDGET_SECONDS:
                raise
            logger.info("again in %.1f s: %s", pause, error)
            time.sleep(jittered(pause))
    return work()
