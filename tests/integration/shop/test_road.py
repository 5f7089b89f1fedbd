"""A checkout in the running shop, while processes are killed, SQS is down, or Stripe fails.

The tests use real processes, the SQS protocol, and HTTP to the stand-ins of the providers.
"""

from __future__ import annotations

import datetime as dt
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from django.utils import timezone

from charges.models import Charge, ChargeAttempt
from integrations.outbox.models import OutboxMessage
from integrations.outbox.recovery import sweep
from notifications.models import Notification
from orders.models import Order
from subscriptions.models import Customer, User
from tests.support.endpoints import taking_and_silent
from tests.support.processes import python, wait_for
from tests.support.stack import buy

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from tests.support.stack import Stack

pytestmark = [pytest.mark.xdist_group("stack"), pytest.mark.timeout(170)]


def buy_many(stack: Stack, count: int) -> list[Any]:
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(lambda number: buy(stack, number), range(count)))


def succeeded_intents(stack: Stack) -> list[dict[str, Any]]:
    return [intent for intent in stack.sandbox.records("stripe/payment_intents") if intent["status"] == "succeeded"]


def assert_paid_once_each(stack: Stack, count: int) -> None:
    assert Order.objects.filter(status="fulfilled").count() == count
    assert Charge.objects.filter(status="succeeded").count() == count
    intents = stack.sandbox.records("stripe/payment_intents")
    assert sorted(intent["id"] for intent in intents if intent["status"] == "succeeded") == sorted(
        Charge.objects.values_list("payment_intent_id", flat=True)
    )
    assert {intent["status"] for intent in intents} == {"succeeded"}, (
        "an intent is still open besides the paid one"
    )


def assert_every_effect_once(stack: Stack, count: int) -> None:
    assert_paid_once_each(stack, count)
    assert User.objects.count() == Customer.objects.filter(user__isnull=False).count() == count
    # The order confirmation, the welcome, and the mail that says how to log in.
    assert len(stack.sandbox.records("mails")) == 3 * count
    assert len(stack.sandbox.records("sms")) == count
    assert len(stack.sandbox.records("contacts")) == count
    assert len(stack.sandbox.records("endusers")) == count


def test_a_checkout_has_its_seven_effects(shop: Stack) -> None:
    order = buy(shop)
    wait_for(lambda: shop.http.get(order["status_url"]).json()["status"] == "fulfilled", seconds=30)
    shop.wait_until_idle()
    assert_every_effect_once(shop, 1)
    wait_for(
        lambda: Notification.objects.filter(status="delivered").count() == 4,
        what="the webhooks of the provider report all messages as delivered",
    )


SLOW_SMS = {"kind": "latency", "provider": "brevo", "path": "*transactionalSMS*", "min_ms": 2500, "max_ms": 2500}


def test_a_message_that_is_delivered_three_times_at_once_has_one_effect(shop: Stack) -> None:
    # Brevo has no idempotency key for SMS. The SMS is slow, so that its copies arrive while it is being sent.
    shop.sandbox.faults(SLOW_SMS)
    # Send every message of the checkout three times while the worker is suspended, so that it finds all copies at once.
    with _suspended_worker(shop):
        buy(shop)
        wait_for(_all_sent, what="the relay has sent")
        _send_again(shop, OutboxMessage.objects.all(), times=2)
        shop.relay.suspend()  # the next messages stay in the outbox
    try:
        wait_for(_order_paid, seconds=60, what="the outbox contains the messages of the payment")
        with _suspended_worker(shop):  # the same for the messages that follow from the payment
            follow = list(_order_paid().values_list("pk", flat=True))
            shop.relay.resume()
            wait_for(_all_sent, what="the relay has sent")
            _send_again(shop, OutboxMessage.objects.filter(pk__in=follow), times=2)
    finally:
        shop.relay.resume()
    wait_for(lambda: Order.objects.filter(status="fulfilled").exists(), seconds=60, what="the order is fulfilled")
    shop.wait_until_idle()
    _send_again(shop, OutboxMessage.objects.all(), times=3)  # all messages once more, later
    shop.wait_until_idle()
    queues = set(OutboxMessage.objects.values_list("queue", flat=True))
    assert len(queues) == 7
    assert_every_effect_once(shop, 1)
    assert {queue: shop.messages(f"{queue}-dlq") for queue in queues} == dict.fromkeys(queues, 0)


def _all_sent() -> bool:
    return not OutboxMessage.objects.filter(sent_at=None).exists()


def _order_paid() -> QuerySet[OutboxMessage]:
    return OutboxMessage.objects.filter(headers__event="OrderPaid")


@contextmanager
def _suspended_worker(stack: Stack) -> Iterator[None]:
    worker = psutil.Process(stack.worker.pid)
    family = [worker, *worker.children(recursive=True)]
    for process in family:
        process.suspend()
    try:
        yield
    finally:
        for process in family:
            process.resume()


def _send_again(stack: Stack, messages: QuerySet[OutboxMessage], *, times: int) -> None:
    """Send the messages that were already sent again, with the same task id and body, ``times`` times."""
    from integrations.outbox import relay
    from integrations.sqs import sender

    by_queue = relay._by_queue(messages.exclude(sent_at=None))
    for queue, rows in by_queue.items():
        for _ in range(times):
            entries = [relay._outgoing(row) for row in rows]
            result = sender.send_batch(relay.QUEUES[queue], entries, topology=stack.topology)
            assert not result.failed


def test_sqs_is_down_during_fifty_checkouts(shop: Stack) -> None:
    shop.emulator.stop()
    try:
        buy_many(shop, 50)
        assert Order.objects.filter(status="pending_payment").count() == 50
    finally:
        shop.emulator.start()
    wait_for(lambda: Order.objects.filter(status="fulfilled").count() == 50, seconds=90, what="all fifty are paid")
    shop.wait_until_idle()
    assert_every_effect_once(shop, 50)


def test_the_relay_is_killed_between_sending_and_committing(shop: Stack) -> None:
    shop.relay.stop()
    with taking_and_silent(shop.emulator.url, action="SendMessageBatch") as (endpoint, taken):
        killed = shop.run("killed-relay", python("manage.py", "relay_outbox"), SQS_ENDPOINT_URL=endpoint)
        buy(shop)
        assert taken.wait(30), "SQS received no batch"
        killed.kill()
    first = OutboxMessage.objects.filter(headers__event__in=["OrderPlaced", "CustomerRegistered"])
    assert first.exists() and not first.exclude(sent_at=None).exists(), "the relay did not mark the messages as sent"
    shop.relay = shop.run("relay", python("manage.py", "relay_outbox"))
    wait_for(lambda: Order.objects.filter(status="fulfilled").exists(), seconds=60, what="the order is fulfilled")
    shop.wait_until_idle()
    assert_every_effect_once(shop, 1)


def test_stripe_fails_30_percent_of_calls_half_of_them_after_the_effect(shop: Stack) -> None:
    shop.sandbox.faults(
        {"provider": "stripe", "kind": "error", "status": 500, "rate": 0.15, "seed": 1},
        {"provider": "stripe", "kind": "error_after_effect", "status": 500, "rate": 0.18, "seed": 2},
    )
    buy_many(shop, 50)
    wait_for(lambda: _paid_or_dead(shop) == 50, seconds=100, every=0.3, what="all fifty are paid or dead-lettered")
    shop.sandbox.faults()
    shop.wait_until_idle(seconds=60)
    # A message may fail at every attempt of its ladder. The sweep sends it again.
    sweep(at=timezone.now() + dt.timedelta(hours=1))
    wait_for(lambda: Order.objects.filter(status="fulfilled").count() == 50, seconds=60, what="all fifty are paid")
    shop.wait_until_idle(seconds=60)
    assert_paid_once_each(shop, 50)


def _paid_or_dead(stack: Stack) -> int:
    return Order.objects.filter(status="fulfilled").count() + stack.messages("ChargesQueue-dlq")


CONFIRM = {"provider": "stripe", "method": "POST", "path": "/v1/payment_intents/*/confirm", "rate": 1, "times": 1}
BEFORE = {**CONFIRM, "kind": "timeout", "seconds": 60}
AFTER = {**CONFIRM, "kind": "timeout_after_effect", "seconds": 60}


@pytest.mark.parametrize("fault", [BEFORE, AFTER], ids=["before-the-effect", "after-the-effect"])
def test_the_process_is_killed_during_a_capture(shop: Stack, fault: dict[str, Any]) -> None:
    shop.sandbox.faults(fault)
    buy(shop)
    _wait_for_stripe(shop, fault, orders=1)
    for child in psutil.Process(shop.worker.pid).children(recursive=True):
        os.kill(child.pid, signal.SIGKILL)
    wait_for(lambda: Order.objects.filter(status="fulfilled").exists(), seconds=60, what="the order is paid")
    shop.wait_until_idle()
    assert_every_effect_once(shop, 1)


def test_the_whole_worker_is_killed_during_captures(shop: Stack) -> None:
    for number, fault in enumerate((BEFORE, AFTER)):
        shop.sandbox.faults(fault)
        buy(shop, number)
        _wait_for_stripe(shop, fault, orders=number + 1)
    shop.worker.kill()
    shop.worker = shop.run_worker("worker")
    # The messages that it held become visible again after their visibility timeout.
    wait_for(lambda: Order.objects.filter(status="fulfilled").count() == 2, seconds=100, what="both orders are paid")
    shop.wait_until_idle()
    assert_every_effect_once(shop, 2)


def _wait_for_stripe(stack: Stack, fault: dict[str, Any], *, orders: int) -> None:
    """Wait until the worker waits for the response: an attempt exists, and after the effect also a succeeded intent."""
    wait_for(lambda: ChargeAttempt.objects.filter(status="started").count() == orders, what="an attempt has started")
    if fault["kind"] == "timeout_after_effect":
        wait_for(lambda: succeeded_intents(stack), what="the intent has succeeded at Stripe")
