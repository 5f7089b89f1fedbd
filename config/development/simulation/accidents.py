"""Accidents: messages and webhooks that are lost or come twice, killed workers, and outages of providers."""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

from config.development.simulation.agenda import Agenda
from config.development.simulation.clock import Clock
from config.development.simulation.providers import Providers

LOST = 0.001
DUPLICATED = 0.005
KILLED = 0.0005
LOST_WEBHOOKS = 0.01
REPEATED_WEBHOOKS = 0.01
DAYS_BETWEEN_OUTAGES = 14.0
OUTAGE_HOURS = (0.5, 8.0)
# How a provider fails. Some failures happen after the effect, so that the shop does not know the outcome.
KINDS = ("error", "drop", "error_after_effect", "drop_after_effect")
PROVIDERS = ("stripe", "stripe", "brevo", "dixa")


class Accidents:
    """Decides at random what goes wrong; calls ``on_accident`` each time."""

    def __init__(
        self, *, seed: int, clock: Clock, agenda: Agenda, providers: Providers, on_accident: Callable[[], None]
    ) -> None:
        self._random = random.Random(f"{seed} accidents")
        self._clock, self._agenda, self._providers = clock, agenda, providers
        self._on_accident = on_accident
        self.outages: Counter[str] = Counter()

    def begin(self) -> None:
        self._plan_outage()

    def is_lost(self) -> bool:
        return self._happens(LOST)

    def is_duplicated(self) -> bool:
        return self._happens(DUPLICATED)

    def is_killed(self) -> bool:
        return self._happens(KILLED)

    def is_webhook_lost(self) -> bool:
        return self._happens(LOST_WEBHOOKS)

    def is_webhook_repeated(self) -> bool:
        return self._random.random() < REPEATED_WEBHOOKS

    def _happens(self, chance: float) -> bool:
        happens = self._random.random() < chance
        if happens:
            self._on_accident()
        return happens

    def _plan_outage(self) -> None:
        days = self._random.expovariate(1 / DAYS_BETWEEN_OUTAGES)
        self._agenda.add(self._clock.now + dt.timedelta(days=days), self._fail)

    def _fail(self) -> None:
        provider, kind = self._random.choice(PROVIDERS), self._random.choice(KINDS)
        rule: dict[str, Any] = {"provider": provider, "kind": kind, "status": self._random.choice((500, 503))}
        self._providers.set_faults([rule])
        self.outages[provider] += 1
        self._on_accident()
        self._agenda.add(self._clock.now + dt.timedelta(hours=self._random.uniform(*OUTAGE_HOURS)), self._recover)

    def _recover(self) -> None:
        self._providers.set_faults([])
        self._on_accident()
        self._plan_outage()
