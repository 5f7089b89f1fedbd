"""Every way in which a call to Stripe can go wrong, at each of the four calls: in the end it is paid, and once."""

from __future__ import annotations

from typing import Any

import pytest

from charges.models import Charge, ChargeAttempt, Refund
from charges.operations.payments.capture import UnreadableIntent
from charges.operations.payments.settlement import IntentDiffers
from charges.operations.refunds import creation
from charges.operations.remote_objects import KEY_LIFE
from integrations.errors import ProviderThrottled
from integrations.sandbox.stripe_api import amounts, confirmation, customers, payment_methods
from integrations.sandbox.stripe_api.errors import StripeError
from integrations.stripe import client
from tests.support.days import NOW
from tests.support.deliveries import capture, capture_by_ladder, published
from tests.support.factories import place_order
from tests.support.sandboxes import StripeSandbox

pytestmark = pytest.mark.django_db(transaction=True)

CALLS = {
    "customer": "/v1/customers",
    "attach": "/v1/payment_methods/*/attach",
    "create": "/v1/payment_intents",
    "confirm": "/v1/payment_intents/*/confirm",
}
FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "500 before": ({"kind": "error", "status": 500}, "ProviderUnclear"),
    "503 before": ({"kind": "error", "status": 503}, "ProviderUnclear"),
    "500 after, stored": ({"kind": "error_after_effect", "status": 500}, "ProviderUnclear"),
    "502 after": ({"kind": "error_after_effect", "status": 502}, "ProviderUnclear"),
    "dropped before": ({"kind": "drop"}, "ProviderUnclear"),
    "dropped after": ({"kind": "drop_after_effect"}, "ProviderUnclear"),
    "timeout before": ({"kind": "timeout", "seconds": 0.6}, "ProviderUnclear"),
    "timeout after": ({"kind": "timeout_after_effect", "seconds": 0.6}, "ProviderUnclear"),
    "not JSON": ({"kind": "non_json"}, "ProviderUnclear"),
    "424": ({"kind": "error", "status": 424}, "ProviderUnclear"),
    "429": ({"kind": "error", "status": 429}, "ProviderThrottled"),
    "409": ({"kind": "error", "status": 409}, "KeyInUse"),
}


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A read time-out of 0.3 s, so that a test of time-outs takes no longer."""
    monkeypatch.setattr(client, "READ_TIMEOUT", 0.3)
    client._client.cache_clear()
    yield
    client._client.cache_clear()


def assert_paid_once(sandbox: StripeSandbox, order: Any) -> None:
    assert sandbox.statuses() == ["succeeded"], "one intent, and it succeeded"
    assert [charge["status"] for charge in sandbox.objects("charges")] == ["succeeded"], "the card was charged once"
    order.refresh_from_db()
    assert (order.status, order.subscription.status) == ("paid", "active")
    charge = Charge.objects.get(order=order)
    assert (charge.status, charge.payment_intent_id) == ("succeeded", sandbox.intents()[0]["id"])
    assert charge.attempts.filter(status="succeeded").count() == 1
    assert not charge.attempts.filter(finished_at=None).exists()
    assert published() == {"OrderPaid": 1}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("call", CALLS)
def test_one_failure_of_one_call(stripe_sandbox: StripeSandbox, impatient: None, call: str, fault: str) -> None:
    rule, error = FAULTS[fault]
    stripe_sandbox.faults({"method": "POST", "path": CALLS[call], "times": 1, **rule})
    order = place_order()

    assert capture_by_ladder(order) == [error]

    assert_paid_once(stripe_sandbox, order)


@pytest.mark.parametrize("fault", ["500 after, stored", "dropped after", "502 after", "not JSON"])
def test_every_first_response_is_lost(stripe_sandbox: StripeSandbox, fault: str) -> None:
    rules = [{"method": "POST", "path": path, "times": 1, **FAULTS[fault][0]} for path in reversed(CALLS.values())]
    stripe_sandbox.faults(*rules)
    order = place_order()

    assert capture_by_ladder(order, times=5) == ["ProviderUnclear"] * 4

    assert_paid_once(stripe_sandbox, order)


@pytest.mark.parametrize("call", ["create", "confirm"])
def test_the_attempt_shows_that_its_outcome_is_unknown(stripe_sandbox: StripeSandbox, call: str) -> None:
    stripe_sandbox.faults({"method": "POST", "path": CALLS[call], "kind": "drop_after_effect", "times": 1})
    order = place_order()

    with pytest.raises(Exception, match="did not answer"):
        capture(order)

    # Unknown is the outcome of a payment. A lost answer to the creation leaves no doubt: nothing was confirmed.
    assert ChargeAttempt.objects.get().status == {"create": "started", "confirm": "unknown"}[call]


def test_retry_after_is_passed_on_to_the_ladder(stripe_sandbox: StripeSandbox) -> None:
    stripe_sandbox.faults({"path": CALLS["confirm"], "kind": "error", "status": 429, "retry_after": 77})

    with pytest.raises(ProviderThrottled) as throttled:
        capture(place_order())

    assert throttled.value.retry_after == 77


def test_an_unreachable_stripe_has_no_effect(stripe_sandbox: StripeSandbox, settings: Any) -> None:
    order = place_order()
    settings.STRIPE_API_BASE = "http://127.0.0.1:9/stripe"

    assert_error = capture_by_ladder_until_reached(order, settings, stripe_sandbox)

    assert assert_error == ["ProviderUnavailable"]
    assert_paid_once(stripe_sandbox, order)


def capture_by_ladder_until_reached(order: Any, settings: Any, sandbox: StripeSandbox) -> list[str]:
    try:
        capture(order)
    except Exception as error:
        settings.STRIPE_API_BASE = sandbox.api_base
        return [type(error).__name__, *capture_by_ladder(order)]
    return []


class StoredFailure:
    """A step inside the sandbox's endpoint that fails with a 500 once: stored under the key, and without effect."""

    def __init__(self, step: Any) -> None:
        self.step, self.failed = step, False

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not self.failed:
            self.failed = True
            raise StripeError("An unknown error occurred", status=500, type="api_error", began=True)
        return self.step(*args, **kwargs)


@pytest.mark.parametrize(
    ("call", "module", "step", "attempts"),
    [
        ("customer", customers, "_set_default", [(1, "succeeded")]),
        ("attach", payment_methods, "get_or_build", [(1, "succeeded")]),
        ("create", amounts, "check", [(1, "succeeded")]),
        ("confirm", confirmation, "confirm_existing", [(1, "without_effect"), (2, "succeeded")]),
    ],
)
def test_a_stored_500_without_effect_gets_a_new_key(
    stripe_sandbox: StripeSandbox, monkeypatch: pytest.MonkeyPatch, call: str, module: Any, step: str, attempts: Any
) -> None:
    monkeypatch.setattr(module, step, StoredFailure(getattr(module, step)))
    order = place_order()

    # The second attempt gets the stored 500 again, reads the state at Stripe, and continues under a new key.
    assert capture_by_ladder(order) == ["ProviderUnclear"]

    assert_paid_once(stripe_sandbox, order)
    assert list(ChargeAttempt.objects.values_list("number", "status")) == attempts
    replayed = [one for one in stripe_sandbox.requests() if one["replayed"]]
    assert len(replayed) == 1


def test_a_confirmation_days_later_is_decided_by_the_intent(stripe_sandbox: StripeSandbox) -> None:
    stripe_sandbox.faults({"path": CALLS["confirm"], "kind": "drop_after_effect", "times": 1})
    order = place_order()
    with pytest.raises(Exception, match="did not answer"):
        capture(order)
    stripe_sandbox.pass_time(3 * 24 * 3600)  # Stripe has forgotten the key

    capture(order, at=NOW + KEY_LIFE * 3)

    assert_paid_once(stripe_sandbox, order)
    assert len(stripe_sandbox.requests(path="/confirm")) == 1


def test_a_lost_confirmation_gets_a_new_key_days_later(stripe_sandbox: StripeSandbox) -> None:
    stripe_sandbox.faults({"path": CALLS["confirm"], "kind": "drop", "times": 1})
    order = place_order()
    with pytest.raises(Exception, match="did not answer"):
        capture(order)

    capture(order, at=NOW + KEY_LIFE * 3)

    assert_paid_once(stripe_sandbox, order)
    assert list(ChargeAttempt.objects.values_list("number", "status")) == [(1, "without_effect"), (2, "succeeded")]


def test_a_creation_whose_key_is_forgotten_is_found_by_its_metadata(stripe_sandbox: StripeSandbox) -> None:
    stripe_sandbox.faults({"method": "POST", "path": CALLS["create"], "kind": "drop_after_effect", "times": 1})
    order = place_order()
    with pytest.raises(Exception, match="did not answer"):
        capture(order)
    stripe_sandbox.pass_time(3 * 24 * 3600)

    capture(order, at=NOW + KEY_LIFE * 3)

    assert_paid_once(stripe_sandbox, order)


def test_a_decline_whose_response_was_lost_is_read_from_the_intent(stripe_sandbox: StripeSandbox) -> None:
    stripe_sandbox.faults({"path": CALLS["confirm"], "kind": "drop_after_effect", "times": 1})
    order = place_order(payment_method="pm_card_chargeCustomerFail_lost_card")

    assert capture_by_ladder(order) == ["ProviderUnclear"]

    attempt = ChargeAttempt.objects.get()
    assert (attempt.status, attempt.decline_code) == ("declined", "lost_card")
    assert len(stripe_sandbox.requests(path="/confirm")) == 1
    assert published() == {"PaymentFailed": 1}


def test_an_authentication_whose_response_was_lost_is_read_from_the_intent(stripe_sandbox: StripeSandbox) -> None:
    stripe_sandbox.faults({"path": CALLS["confirm"], "kind": "error_after_effect", "status": 500, "times": 1})
    order = place_order(payment_method="pm_card_authenticationRequired")

    assert capture_by_ladder(order) == ["ProviderUnclear"]

    assert ChargeAttempt.objects.get().status == "requires_action"
    assert published() == {"PaymentActionRequired": 1}


def test_the_payment_of_an_order_canceled_while_its_outcome_was_unknown_is_canceled(
    stripe_sandbox: StripeSandbox
) -> None:
    stripe_sandbox.faults({"path": CALLS["confirm"], "kind": "drop", "times": 1})
    order = place_order()
    with pytest.raises(Exception, match="did not answer"):
        capture(order)
    type(order).objects.update(status="canceled", canceled_at=NOW)

    capture(order)

    assert stripe_sandbox.statuses() == ["canceled"]
    assert (Charge.objects.get().status, ChargeAttempt.objects.get().status) == ("canceled", "canceled")
    assert published() == {}


def test_the_payment_of_an_order_canceled_before_the_first_request_is_canceled(stripe_sandbox: StripeSandbox) -> None:
    stripe_sandbox.faults({"path": CALLS["attach"], "kind": "drop", "times": 1})
    order = place_order()
    with pytest.raises(Exception, match="did not answer"):
        capture(order)
    type(order).objects.update(status="canceled", canceled_at=NOW)

    capture(order)

    assert stripe_sandbox.intents() == []
    assert (Charge.objects.get().status, ChargeAttempt.objects.get().status) == ("canceled", "canceled")


def test_an_unreadable_intent_is_not_recorded_as_rejected(
    stripe_sandbox: StripeSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    stripe_sandbox.faults({"path": CALLS["confirm"], "kind": "drop_after_effect", "times": 1})
    order = place_order()
    with pytest.raises(Exception, match="did not answer"):
        capture(order)
    paid = stripe_sandbox.intents()[0]["id"]
    Charge.objects.update(payment_intent_id="pi_of_another_account")

    with pytest.raises(UnreadableIntent):
        capture(order)

    assert (ChargeAttempt.objects.get().status, published()) == ("unknown", {})
    Charge.objects.update(payment_intent_id=paid)
    capture(order)
    assert_paid_once(stripe_sandbox, order)


def test_duplicate_intents_are_canceled_and_one_stays(stripe_sandbox: StripeSandbox) -> None:
    """A charge must have one intent. If it ever has two, one is kept and the other is canceled."""
    stripe_sandbox.faults({"method": "POST", "path": CALLS["create"], "kind": "drop_after_effect", "times": 1})
    order = place_order()
    with pytest.raises(Exception, match="did not answer"):
        capture(order)
    first = stripe_sandbox.intents()[0]
    stripe_sandbox.api(
        "POST",
        "/v1/payment_intents",
        amount="1290",
        currency="eur",
        customer=first["customer"],
        **{"metadata[charge]": first["metadata"]["charge"]},
    )

    capture(order)

    assert {one["id"]: one["status"] for one in stripe_sandbox.intents()}[first["id"]] == "succeeded"
    assert stripe_sandbox.statuses() == ["canceled", "succeeded"]


def test_an_intent_with_another_amount_settles_nothing(stripe_sandbox: StripeSandbox) -> None:
    stripe_sandbox.faults({"path": CALLS["confirm"], "kind": "drop_after_effect", "times": 1})
    order = place_order()
    with pytest.raises(Exception, match="did not answer"):
        capture(order)
    Charge.objects.update(amount=9999)

    with pytest.raises(IntentDiffers):
        capture(order)

    assert (Charge.objects.get().status, published()) == ("pending", {})


def test_the_payment_of_an_order_canceled_meanwhile_is_refunded(stripe_sandbox: StripeSandbox) -> None:
    stripe_sandbox.faults({"path": CALLS["confirm"], "kind": "drop_after_effect", "times": 1})
    order = place_order()
    with pytest.raises(Exception, match="did not answer"):
        capture(order)
    type(order).objects.update(status="canceled", canceled_at=NOW)

    capture(order)

    order.refresh_from_db()
    assert (Charge.objects.get().status, order.status, published()) == ("succeeded", "canceled", {"RefundRequested": 1})
    refund = Refund.objects.get()
    creation.make_refund(refund_id=refund.pk, at=NOW)
    refund.refresh_from_db()
    assert (refund.status, refund.amount, refund.origin) == ("succeeded", order.amount, "shop")
    assert [one["amount"] for one in stripe_sandbox.objects("refunds")] == [order.amount]
    order.refresh_from_db()
    assert order.status == "canceled"
