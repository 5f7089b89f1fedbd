"""What payment tests share: a Stripe sandbox over real HTTP, orders to pay, and a look at what came of them."""

from __future__ import annotations

import datetime as dt
import itertools
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from django.db.models import F
from django.utils import timezone

NOW = dt.datetime(2026, 3, 1, 12, 0, tzinfo=dt.UTC)
# What is due at once has the database's time, which is not the tests'.
AT_ONCE = dt.timedelta(seconds=5)
_numbers = itertools.count(1)


class StripeSandbox:
    """A sandbox in a thread of this process, on a port of its own, and its records."""

    def __init__(self) -> None:
        from integrations.sandbox.app import create_app
        from integrations.sandbox.server import bind

        self.app = create_app(data=":memory:", stripe_api_key="sk_test_sandbox", stripe_webhook_retries=(0.2, 0.2, 0.2))
        self.server = bind(self.app, port=0)
        self.url = f"http://127.0.0.1:{self.server.socket.getsockname()[1]}"
        self.api_base = f"{self.url}/stripe"
        self.http = httpx.Client(base_url=self.url, timeout=10)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()

    def reset(self) -> None:
        self._post("/sandbox/reset")

    def faults(self, *rules: dict[str, Any]) -> None:
        """Put these faults in force instead of the ones that are."""
        answer = self.http.put("/sandbox/faults", json=[{"provider": "stripe", **rule} for rule in rules])
        assert answer.is_success, answer.text

    def webhooks_to(self, url: str) -> None:
        self.http.patch("/sandbox/config", json={"stripe.webhook_url": url}).raise_for_status()

    def pass_time(self, seconds: float) -> None:
        self._post("/sandbox/clock", advance_seconds=seconds)

    def requests(self, *, method: str = "POST", path: str = "") -> list[dict[str, Any]]:
        found = self._data("/sandbox/requests", provider="stripe", path=path)
        return [one for one in found if one["method"] == method]

    def intents(self) -> list[dict[str, Any]]:
        """Every PaymentIntent that there is."""
        return self._data("/sandbox/stripe/payment_intents")

    def statuses(self) -> list[str]:
        return sorted(intent["status"] for intent in self.intents())

    def objects(self, kind: str) -> list[dict[str, Any]]:
        """Everything of a kind in Stripe's own API: ``charges``, ``customers``, ``events``."""
        return self.api("GET", f"/v1/{kind}?limit=100")["data"]

    def api(self, method: str, path: str, **form: str) -> dict[str, Any]:
        """A call to Stripe by somebody who is not the shop."""
        answer = self.http.request(
            method, f"/stripe{path}", data=form or None, headers={"Authorization": "Bearer sk_test_sandbox"}
        )
        assert answer.is_success, answer.text
        return dict(answer.json())

    def confirm_in_browser(self, intent_id: str, card: str) -> None:
        """The customer tries a card at the open intent, without the shop; the bank may say no."""
        intent = self.api("GET", f"/v1/payment_intents/{intent_id}")
        # One that is the customer's already stays the same; a test alias gives a new one.
        attached = self.api("POST", f"/v1/payment_methods/{card}/attach", customer=intent["customer"])
        self.http.post(
            f"/stripe/v1/payment_intents/{intent_id}/confirm",
            data={"payment_method": attached["id"]},
            headers={"Authorization": "Bearer sk_test_sandbox"},
        )

    def authenticate(self, intent_id: str, outcome: str = "success") -> None:
        """The customer answers the bank's challenge in the browser."""
        self._post(f"/sandbox/stripe/payment_intents/{intent_id}/authenticate", outcome=outcome)

    def dispute(self, intent_id: str, **wanted: Any) -> str:
        """The cardholder complains about a payment; Stripe's id of the dispute. ``reason="inquiry"``: only asks."""
        answer = self.http.post("/sandbox/stripe/disputes", json={"payment_intent": intent_id, **wanted})
        assert answer.is_success, answer.text
        return str(answer.json()["id"])

    def move_dispute(self, dispute_id: str, phase: str, **wanted: str) -> None:
        """``updated`` (to ``status``), ``funds_withdrawn``, ``funds_reinstated``, or ``closed`` (with ``status``)."""
        self._post(f"/sandbox/stripe/disputes/{dispute_id}/{phase}", **wanted)

    def settle_refund(self, refund_id: str, outcome: str) -> None:
        """A bank takes a refund (``succeed``), or sends it back (``fail``), days later."""
        self._post(f"/sandbox/stripe/refunds/{refund_id}/{outcome}")

    def idle(self) -> bool:
        return bool(self.http.get("/sandbox/health").json()["webhooks_idle"])

    def stop(self) -> None:
        self.http.close()
        self.server.shutdown()
        self.thread.join()
        self.app.close()
        self.server.server_close()

    def _post(self, path: str, **body: Any) -> None:
        answer = self.http.post(path, json=body)
        assert answer.is_success, answer.text

    def _data(self, url: str, **query: str) -> list[dict[str, Any]]:
        answer = self.http.get(url, params=query)
        answer.raise_for_status()
        return list(answer.json()["data"])


@contextmanager
def running_stripe() -> Iterator[StripeSandbox]:
    sandbox = StripeSandbox()
    try:
        yield sandbox
    finally:
        sandbox.stop()


def place_order(
    *, payment_method: str = "pm_card_visa", amount: int = 1290, currency: str = "EUR", **fields: Any
) -> Any:
    """An order that awaits its payment, with a customer, a plan and a subscription of its own."""
    from orders.models import Order
    from subscriptions.models import Customer, Plan, Subscription

    number = next(_numbers)
    customer = fields.pop("customer", None) or Customer.objects.create(
        email=f"buyer-{number}@example.com", email_key=f"buyer-{number}@example.com", name=f"Buyer {number}"
    )
    plan = Plan.objects.create(code=f"plan-{number}", name="Coffee", amount=amount, currency=currency)
    period = {"start": timezone.now(), "end": timezone.now() + dt.timedelta(days=30)}
    subscription = Subscription.objects.create(
        customer=customer,
        plan=plan,
        quantity=1,
        payment_method=payment_method,
        current_period_start=period["start"],
        current_period_end=period["end"],
    )
    order = Order.objects.create(
        customer=customer,
        subscription=subscription,
        amount=amount,
        currency=currency,
        payment_method=payment_method,
        period_start=period["start"],
        period_end=period["end"],
        **fields,
    )
    return _with_line(order)


def _with_line(order: Any) -> Any:
    from orders.models import OrderLine

    OrderLine.objects.create(
        order=order,
        plan=order.subscription.plan,
        description="Coffee",
        quantity=1,
        unit_amount=order.amount,
        amount=order.amount,
    )
    return order


def place_renewal(order: Any, *, payment_method: str, **fields: Any) -> Any:
    """The order of the period that follows this one, of the same subscription."""
    from orders.models import Order

    renewal = Order.objects.create(
        customer=order.customer,
        subscription=order.subscription,
        amount=order.amount,
        currency=order.currency,
        payment_method=payment_method,
        period_start=order.period_end,
        period_end=order.period_end + (order.period_end - order.period_start),
        **fields,
    )
    return _with_line(renewal)


def capture(order: Any, *, at: dt.datetime | None = None) -> None:
    """One delivery of the capture message."""
    from charges.operations.payments.capture import capture_payment

    capture_payment(order_id=order.pk, at=at or NOW, task_id=str(uuid.uuid4()))


def capture_by_ladder(order: Any, *, tries: int = 4, at: dt.datetime | None = None) -> list[str]:
    """Deliver the capture message as the ladder would; the names of the errors on the way."""
    return by_ladder(lambda: capture(order, at=at), tries=tries)


def start_fulfillments() -> None:
    """The OrdersQueue's part: one delivery of every message that a paid order is to be fulfilled."""
    from celery import current_app

    from integrations.outbox.models import OutboxMessage

    for row in OutboxMessage.objects.filter(task="orders.start_fulfillment"):
        current_app.tasks[row.task](**row.kwargs)


def by_ladder(deliver: Callable[[], None], *, tries: int = 4) -> list[str]:
    """Deliver a message again as long as it fails and may succeed; the names of the errors on the way. Fails the test
    when it did not come through in so many tries."""
    from integrations.errors import PermanentError

    errors: list[str] = []
    for _ in range(tries):
        try:
            deliver()
        except PermanentError as error:
            return [*errors, type(error).__name__]
        except Exception as error:
            errors.append(type(error).__name__)
        else:
            return errors
    pytest.fail(f"not done in {tries} tries: {errors}")


def published() -> Counter[str]:
    """How many messages of each event are in the outbox, counted once for all its consumers; those that wait for a day
    of their own, as the steps of a dunning do, aside."""
    from integrations.outbox.models import OutboxMessage

    at_once = OutboxMessage.objects.filter(
        not_before__range=(F("created_at") - AT_ONCE, F("created_at") + AT_ONCE)
    )
    rows = Counter(at_once.values_list("headers__event", "task"))
    counts: Counter[str] = Counter()
    for (event, task), number in rows.items():
        assert counts.get(event, number) == number, f"{event}: {task} differs from its other consumers"
        counts[event] = number
    return counts


class Died(BaseException):
    """The process was killed here."""


def dying(function: Callable[..., Any], *, after: bool) -> Callable[..., Any]:
    """The function as it runs in a process that is killed just before or just after it."""

    def run(*args: Any, **kwargs: Any) -> Any:
        if after:
            function(*args, **kwargs)
        raise Died(function.__name__)

    return run
