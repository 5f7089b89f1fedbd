"""The sandbox in this process: Stripe, Brevo and Dixa at the simulated time, and what happens at the bank."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.conf import settings

from config.development.simulation.clock import Clock
from integrations import in_process
from integrations.sandbox.app import App, create_app
from integrations.sandbox.brevo_api.emails import KIND as MAIL
from integrations.sandbox.state import Clock as SandboxClock
from integrations.sandbox.stripe_api import payment_methods
from integrations.sandbox.stripe_api.call import INTERNAL, Call
from integrations.stripe.event_types import HANDLED_EVENTS

ORIGIN = "http://sandbox.simulation"
ADDRESSES = {
    "STRIPE_API_BASE": f"{ORIGIN}/stripe",
    "BREVO_API_BASE": f"{ORIGIN}/brevo/v3",
    "DIXA_API_BASE": f"{ORIGIN}/dixa/v1",
}


class _Clock(SandboxClock):
    def __init__(self, clock: Clock, app: App) -> None:
        super().__init__(app.store)
        self._clock = clock

    def __call__(self) -> float:
        return self._clock.now.timestamp()


class WorkerKilled(BaseException):
    """The worker was killed during a call to a provider."""


class Providers:
    """The providers, as the simulation sees them."""

    def __init__(self, clock: Clock) -> None:
        self._app: App = create_app(brevo_contacts_per_second=None, dixa_requests_per_second=None)
        self._app.clock = _Clock(clock, self._app)
        self._last = {"event": 0, MAIL: 0}
        self.kill_next_call = False
        self.calls = 0

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        """Answer a call of the shop. A worker that is killed has made its call, and does not see the response."""
        self.calls += 1
        response = self._app(environ, start_response)
        if self.kill_next_call:
            self.kill_next_call = False
            raise WorkerKilled
        return response

    def close(self) -> None:
        self._app.close()

    def new_card(self, card: str) -> str:
        """A customer types a card into Stripe.js. Returns the id of the payment method."""
        call = Call(sandbox=self._app)
        method = payment_methods.build(call, card)
        # Two people with the same test card have two cards, so each of them can have a trial.
        method["card"]["fingerprint"] = method["id"]
        return str(call.save(method)["id"])

    def change_card(self, payment_method_id: str, card: str) -> None:
        """From now on the bank treats the payment method as this test card."""
        method = self._app.store.get("payment_method", payment_method_id)
        assert method is not None
        method[INTERNAL]["card"] = card
        Call(sandbox=self._app).save(method)

    def set_faults(self, rules: Sequence[dict[str, Any]]) -> None:
        """Replace the faults of the providers."""
        self._app.faults.replace(rules)

    def new_events(self) -> list[dict[str, Any]]:
        """Stripe's events since the last call that its webhook endpoint subscribes to, oldest first."""
        return [event for event in self._new("event") if event["type"] in HANDLED_EVENTS]

    def new_mails(self) -> list[str]:
        """The texts of the mails that Brevo has accepted since the last call."""
        return [mail["textContent"] or "" for mail in self._new(MAIL)]

    def _new(self, kind: str) -> list[dict[str, Any]]:
        rows = self._app.store.execute(
            "SELECT seq, body FROM objects WHERE kind = ? AND seq > ? ORDER BY seq", (kind, self._last[kind])
        )
        if rows:
            self._last[kind] = rows[-1][0]
        return [json.loads(body) for _, body in rows]


@contextmanager
def own_providers(clock: Clock) -> Iterator[Providers]:
    """Run a sandbox in this process, and point the settings at it within this block."""
    usual = {name: getattr(settings, name) for name in ADDRESSES}
    providers = Providers(clock)
    with in_process.answering(providers, origin=ORIGIN):
        for name, address in ADDRESSES.items():
            setattr(settings, name, address)
        try:
            yield providers
        finally:
            for name, address in usual.items():
                setattr(settings, name, address)
            providers.close()
