"""Disputes: one row each and the plan's policy applied once, in any order of the events."""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
import logging
import threading
import uuid
from typing import Any

import pytest
from django.utils import timezone

from charges.invariants import INVARIANTS
from charges.models import Charge, Dispute, DunningRun, DunningStep
from charges.operations import ledger
from charges.operations.disputes import following
from charges.operations.dunning import steps as dunning_steps
from charges.operations.payments.new_payment_method import replace_payment_method
from charges.operations.stripe_events.disputes import DisputedBeforePaid
from charges.operations.stripe_events.objects import ChargeNotHereYet
from charges.operations.stripe_events.processing import process_stripe_event
from integrations.errors import ProviderUnclear
from integrations.inbox.models import WebhookEvent
from integrations.stripe import disputes as gateway
from integrations.stripe import payment_intents
from orders.models import Order
from subscriptions.models import Plan, Subscription
from tests.support.concurrency import Died, Moments, dying, errors_at_once
from tests.support.days import Days
from tests.support.deliveries import capture, published
from tests.support.factories import charge_of, place_order, place_renewal
from tests.support.sandboxes import StripeSandbox
from tests.support.subscriptions import put_in_status, status_and_reason

pytestmark = pytest.mark.django_db(transaction=True)

AFTERWARDS = {"pause": ("paused", "disputed"), "cancel": ("canceled", "disputed"), "keep": ("active", "")}
SOFT = "pm_card_chargeCustomerFail_insufficient_funds"
NOT_COMPARED = {"id", "created_at", "updated_at", "closed_at"}


def paid(*, policy: str = "pause", **fields: Any) -> Order:
    order: Order = place_order(**fields)
    Plan.objects.filter(pk=order.subscription.plan_id).update(dispute_policy=policy)
    capture(order)
    return order


def renewed(order: Order) -> Order:
    """The next period of the same subscription, paid."""
    renewal: Order = place_renewal(order, payment_method=order.payment_method)
    capture(renewal)
    return renewal


def intent_of(order: Order) -> str:
    return str(Charge.objects.get(order=order).payment_intent_id)


def events(sandbox: StripeSandbox, dispute_id: str = "") -> list[dict[str, Any]]:
    """The sandbox's events about disputes, oldest first."""
    found = [event for event in reversed(sandbox.objects("events")) if event["type"].startswith("charge.dispute.")]
    return [event for event in found if not dispute_id or event["data"]["object"]["id"] == dispute_id]


def tell(event: dict[str, Any]) -> str:
    """Store the event as Stripe's webhook does, and process it. Returns the outcome."""
    stored = WebhookEvent.objects.create(
        provider="stripe", event_id=f"evt_{uuid.uuid4().hex}", type=event["type"], payload=event
    )
    process_stripe_event(webhook_event_id=stored.pk, at=timezone.now())
    stored.refresh_from_db()
    assert stored.processed_at is not None
    return stored.outcome


def tell_all(sandbox: StripeSandbox, dispute_id: str = "") -> None:
    for event in events(sandbox, dispute_id):
        tell(event)


def status_and_reason_of(order: Order) -> tuple[str, str]:
    return status_and_reason(order.subscription)


def row(dispute_id: str) -> dict[str, Any]:
    (values,) = Dispute.objects.filter(stripe_id=dispute_id).values()
    return {name: value for name, value in values.items() if name not in NOT_COMPARED}


def broken() -> list[str]:
    """The invariants about disputes that do not hold."""
    about = [invariant for invariant in INVARIANTS if "disputed" in invariant.name]
    verdicts = ledger.examine(about, before_each=lambda _: None)
    return [verdict.invariant.name for verdict in verdicts if not verdict.holds]


def dunned(order: Order) -> DunningRun:
    run = DunningRun.objects.create(order=order, schedule=[1, 3], unpaid_policy="cancel", started_at=timezone.now())
    DunningStep.objects.create(run=run, number=1, due_at=timezone.now() + dt.timedelta(days=1))
    return run


@pytest.mark.parametrize("policy", AFTERWARDS)
def test_a_chargeback_applies_the_plans_policy_and_stops_dunning(stripe_sandbox: StripeSandbox, policy: str) -> None:
    order = paid(policy=policy, payment_method="pm_card_createDispute")
    run, another = dunned(order), dunned(place_order())

    tell_all(stripe_sandbox)

    dispute = Dispute.objects.get()
    made = stripe_sandbox.objects("disputes")[0]
    assert (dispute.stripe_id, dispute.charge.order_id, dispute.amount, dispute.currency) == (
        made["id"], order.pk, 1290, "EUR"
    )  # fmt: skip
    assert (dispute.status, dispute.reason, dispute.funds, dispute.is_inquiry, dispute.closed_at) == (
        "needs_response", "fraudulent", "withdrawn", False, None
    )  # fmt: skip
    assert dispute.due_by == dt.datetime.fromtimestamp(made["evidence_details"]["due_by"], tz=dt.UTC)
    assert dispute.opened_at == dt.datetime.fromtimestamp(made["created"], tz=dt.UTC)
    assert (dispute.policy_applied, status_and_reason_of(order)) == (policy, AFTERWARDS[policy])
    assert published().get("SubscriptionCanceled", 0) == (1 if policy == "cancel" else 0)
    run.refresh_from_db()
    another.refresh_from_db()
    assert (run.status, run.reason, run.steps.get().status, another.status) == (
        "stopped", "disputed", "dropped", "active"
    )  # fmt: skip
    assert broken() == []


def test_operators_are_warned_once_with_the_date_and_nothing_personal(
    stripe_sandbox: StripeSandbox, caplog: pytest.LogCaptureFixture
) -> None:
    order = paid(payment_method="pm_card_createDispute")

    with caplog.at_level(logging.WARNING, logger="charges"):
        tell_all(stripe_sandbox)
        tell_all(stripe_sandbox)

    (line,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    dispute = Dispute.objects.get()
    assert dispute.due_by is not None
    for word in (dispute.stripe_id, str(dispute.charge_id), order.number, dispute.due_by.isoformat(), "chargeback"):
        assert word in line
    assert order.customer.email not in line
    assert order.customer.name not in line


def test_an_inquiry_changes_nothing_until_it_turns_into_a_chargeback(
    stripe_sandbox: StripeSandbox, caplog: pytest.LogCaptureFixture
) -> None:
    order = paid(payment_method="pm_card_createDisputeInquiry")
    run = dunned(order)
    with caplog.at_level(logging.WARNING, logger="charges"):
        tell_all(stripe_sandbox)
    dispute = Dispute.objects.get()
    run.refresh_from_db()
    assert (dispute.is_inquiry, dispute.funds, dispute.policy_applied) == (True, "not_taken", "")
    assert (status_and_reason_of(order), run.status) == (("active", ""), "active")

    stripe_sandbox.move_dispute(dispute.stripe_id, "updated", status="needs_response")
    stripe_sandbox.move_dispute(dispute.stripe_id, "funds_withdrawn")
    with caplog.at_level(logging.WARNING, logger="charges"):
        tell_all(stripe_sandbox)

    dispute.refresh_from_db()
    run.refresh_from_db()
    assert (dispute.is_inquiry, dispute.funds, dispute.policy_applied) == (False, "withdrawn", "pause")
    assert (status_and_reason_of(order), run.status) == (("paused", "disputed"), "stopped")
    assert [word for record in caplog.records for word in ("inquiry", "chargeback") if word in record.getMessage()] == [
        "inquiry",
        "chargeback",
    ]


def test_an_inquiry_that_ends_changes_only_its_row(stripe_sandbox: StripeSandbox) -> None:
    order = paid(payment_method="pm_card_createDisputeInquiry")
    tell_all(stripe_sandbox)
    dispute = Dispute.objects.get()
    stripe_sandbox.move_dispute(dispute.stripe_id, "closed", status="warning_closed")

    tell_all(stripe_sandbox)

    dispute.refresh_from_db()
    assert (dispute.status, dispute.policy_applied, status_and_reason_of(order)) == (
        "warning_closed", "", ("active", "")
    )  # fmt: skip
    assert dispute.closed_at is not None


@pytest.mark.parametrize(
    ("policy", "end", "afterwards"),
    [
        ("pause", "won", ("active", "")),
        ("pause", "lost", ("paused", "disputed")),
        ("pause", "prevented", ("paused", "disputed")),
        ("cancel", "won", ("canceled", "disputed")),
        ("cancel", "lost", ("canceled", "disputed")),
        ("keep", "won", ("active", "")),
        ("keep", "lost", ("active", "")),
    ],
)
def test_each_outcome_of_a_chargeback(
    stripe_sandbox: StripeSandbox, policy: str, end: str, afterwards: tuple[str, str]
) -> None:
    order = paid(policy=policy, payment_method="pm_card_createDispute")
    tell_all(stripe_sandbox)
    dispute = Dispute.objects.get()
    stripe_sandbox.move_dispute(dispute.stripe_id, "updated", status="under_review")
    tell_all(stripe_sandbox)
    dispute.refresh_from_db()
    assert (dispute.status, status_and_reason_of(order)) == ("under_review", AFTERWARDS[policy])

    phase = "updated" if end == "prevented" else "closed"
    stripe_sandbox.move_dispute(dispute.stripe_id, phase, status=end)
    tell_all(stripe_sandbox)

    dispute.refresh_from_db()
    assert (dispute.status, dispute.funds) == (end, "reinstated" if end == "won" else "withdrawn")
    assert (dispute.closed_at is not None, dispute.policy_applied) == (True, policy)
    assert status_and_reason_of(order) == afterwards
    assert published().get("SubscriptionCanceled", 0) == (1 if policy == "cancel" else 0)


@pytest.mark.parametrize(("end", "afterwards"), [("won", ("active", "")), ("lost", ("paused", "disputed"))])
def test_the_order_of_the_events_does_not_matter(
    stripe_sandbox: StripeSandbox, end: str, afterwards: tuple[str, str]
) -> None:
    """All events come after the last change, one of them twice. Every ninth permutation is tested."""
    order = paid(payment_method="pm_card_createDispute")
    dispute_id = stripe_sandbox.objects("disputes")[0]["id"]
    stripe_sandbox.move_dispute(dispute_id, "updated", status="under_review")
    stripe_sandbox.move_dispute(dispute_id, "closed", status=end)
    all_events = events(stripe_sandbox)
    rows = []

    for sequence in list(itertools.permutations(all_events))[::9]:
        Dispute.objects.all().delete()
        put_in_status("active")
        for event in (*sequence, sequence[0]):
            tell(event)
        assert (Dispute.objects.count(), status_and_reason_of(order)) == (1, afterwards)
        rows.append(row(dispute_id))

    assert len(rows) == {"won": 14, "lost": 3}[end]
    assert all(one == rows[0] for one in rows)
    assert (rows[0]["status"], rows[0]["funds"]) == (end, "reinstated" if end == "won" else "withdrawn")


@pytest.mark.parametrize(("end", "afterwards"), [("won", ("active", "")), ("lost", ("paused", "disputed"))])
def test_late_events_lead_to_the_same_rows(
    stripe_sandbox: StripeSandbox, end: str, afterwards: tuple[str, str]
) -> None:
    """Three phases; each event comes during its own or any later one, the latest first."""
    order = paid()
    rows = []
    for created, withdrawn, updated in itertools.product(range(3), range(3), range(1, 3)):
        Dispute.objects.all().delete()
        put_in_status("active")
        dispute_id = stripe_sandbox.dispute(intent_of(order))
        deliver(stripe_sandbox, dispute_id, phase=0, comes=[created, withdrawn])
        stripe_sandbox.move_dispute(dispute_id, "updated", status="under_review")
        deliver(stripe_sandbox, dispute_id, phase=1, comes=[created, withdrawn, updated])
        stripe_sandbox.move_dispute(dispute_id, "closed", status=end)
        deliver(stripe_sandbox, dispute_id, phase=2, comes=[created, withdrawn, updated])
        assert status_and_reason_of(order) == afterwards
        rows.append({**row(dispute_id), "stripe_id": "", "opened_at": None, "due_by": None, "policy_applied": ""})
    assert all(one == rows[0] for one in rows)


def deliver(sandbox: StripeSandbox, dispute_id: str, *, phase: int, comes: list[int]) -> None:
    for event, when in reversed(list(itertools.zip_longest(events(sandbox, dispute_id), comes, fillvalue=2))):
        if when == phase:
            tell(event)


def test_a_win_without_earlier_events_does_not_change_the_subscription(stripe_sandbox: StripeSandbox) -> None:
    order = paid(policy="cancel", payment_method="pm_card_createDispute")
    stripe_sandbox.move_dispute(stripe_sandbox.objects("disputes")[0]["id"], "closed", status="won")

    tell_all(stripe_sandbox)

    assert (Dispute.objects.get().policy_applied, status_and_reason_of(order)) == ("", ("active", ""))


def test_a_loss_without_earlier_events_applies_the_policy(stripe_sandbox: StripeSandbox) -> None:
    order = paid(payment_method="pm_card_createDispute")
    stripe_sandbox.move_dispute(stripe_sandbox.objects("disputes")[0]["id"], "closed", status="lost")

    tell_all(stripe_sandbox)

    assert (Dispute.objects.get().policy_applied, status_and_reason_of(order)) == ("pause", ("paused", "disputed"))


def test_an_appeal_reopens_a_lost_dispute_and_may_win_it(stripe_sandbox: StripeSandbox, monkeypatch: Any) -> None:
    order = paid(payment_method="pm_card_createDispute")
    dispute_id = stripe_sandbox.objects("disputes")[0]["id"]
    stripe_sandbox.move_dispute(dispute_id, "closed", status="lost")
    tell_all(stripe_sandbox)
    real = gateway.retrieve

    for status, is_open in (("appeal_under_review", True), ("won", False)):
        monkeypatch.setattr(
            gateway, "retrieve", lambda status=status, **named: dataclasses.replace(real(**named), status=status)
        )
        tell(events(stripe_sandbox)[-1])
        dispute = Dispute.objects.get()
        assert (dispute.status, dispute.closed_at is None) == (status, is_open)

    assert status_and_reason_of(order) == ("active", "")


def test_an_unknown_status_is_stored(stripe_sandbox: StripeSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    order = paid(payment_method="pm_card_createDispute")
    real = gateway.retrieve
    monkeypatch.setattr(
        gateway, "retrieve", lambda **named: dataclasses.replace(real(**named), status="n" * 50, reason="r" * 70)
    )

    assert tell(events(stripe_sandbox)[0]).startswith("dispute nnn")

    dispute = Dispute.objects.get()
    assert (dispute.status, dispute.reason, dispute.closed_at) == ("n" * 40, "r" * 60, None)
    assert status_and_reason_of(order) == ("paused", "disputed")


def test_the_dispute_is_read_at_stripe_and_not_taken_from_the_payload(stripe_sandbox: StripeSandbox) -> None:
    paid(payment_method="pm_card_createDispute")
    event = events(stripe_sandbox)[0]
    event["data"]["object"] |= {"status": "lost", "amount": 1}

    assert tell({**event, "type": "charge.dispute.closed"}) == "dispute needs_response"

    assert Dispute.objects.get().amount == 1290


class TestTwoDisputesOfOneSubscription:
    @pytest.fixture
    def order(self, stripe_sandbox: StripeSandbox) -> Order:
        return paid()

    @pytest.fixture
    def renewal(self, order: Order) -> Order:
        return renewed(order)

    @pytest.fixture
    def first(self, stripe_sandbox: StripeSandbox, order: Order, renewal: Order) -> str:
        """The renewal is paid before it is opened: afterwards nothing is charged."""
        found = stripe_sandbox.dispute(intent_of(order))
        tell_all(stripe_sandbox, found)
        return found

    def another(self, sandbox: StripeSandbox, order: Order) -> str:
        renewal = Order.objects.filter(subscription=order.subscription_id).latest("period_start")
        found = sandbox.dispute(intent_of(renewal))
        tell_all(sandbox, found)
        return found

    def end(self, sandbox: StripeSandbox, dispute_id: str, status: str) -> None:
        sandbox.move_dispute(dispute_id, "closed", status=status)
        tell_all(sandbox, dispute_id)

    @pytest.mark.parametrize("turn", [False, True])
    def test_the_subscription_resumes_when_both_are_won(
        self, stripe_sandbox: StripeSandbox, order: Order, first: str, turn: bool
    ) -> None:
        both = [first, self.another(stripe_sandbox, order)]
        assert [row(one)["policy_applied"] for one in both] == ["pause", "none"]
        if turn:
            both.reverse()

        self.end(stripe_sandbox, both[0], "won")
        assert status_and_reason_of(order) == ("paused", "disputed")

        self.end(stripe_sandbox, both[1], "won")
        assert status_and_reason_of(order) == ("active", "")

    @pytest.mark.parametrize("turn", [False, True])
    def test_a_lost_dispute_is_for_staff_to_decide(
        self, stripe_sandbox: StripeSandbox, order: Order, first: str, turn: bool
    ) -> None:
        both = [first, self.another(stripe_sandbox, order)]
        if turn:
            both.reverse()

        self.end(stripe_sandbox, both[0], "lost")
        self.end(stripe_sandbox, both[1], "won")

        assert status_and_reason_of(order) == ("paused", "disputed")

    def test_a_later_dispute_does_not_resume_what_staff_must_decide(
        self, stripe_sandbox: StripeSandbox, order: Order, first: str
    ) -> None:
        self.end(stripe_sandbox, first, "lost")
        self.end(stripe_sandbox, self.another(stripe_sandbox, order), "won")

        assert status_and_reason_of(order) == ("paused", "disputed")

    def test_after_staff_resumed_it_the_old_loss_does_not_count(
        self, stripe_sandbox: StripeSandbox, order: Order, first: str
    ) -> None:
        self.end(stripe_sandbox, first, "lost")
        put_in_status("active")
        second = self.another(stripe_sandbox, order)
        assert status_and_reason_of(order) == ("paused", "disputed")

        self.end(stripe_sandbox, second, "won")

        assert status_and_reason_of(order) == ("active", "")

    def test_an_inquiry_does_not_block_the_resume(
        self, stripe_sandbox: StripeSandbox, order: Order, renewal: Order, first: str
    ) -> None:
        tell_all(stripe_sandbox, stripe_sandbox.dispute(intent_of(renewal), reason="inquiry"))

        self.end(stripe_sandbox, first, "won")

        assert status_and_reason_of(order) == ("active", "")

    def test_disputes_of_another_subscription_do_not_count(
        self, stripe_sandbox: StripeSandbox, order: Order, first: str
    ) -> None:
        tell_all(stripe_sandbox, stripe_sandbox.dispute(intent_of(paid())))

        self.end(stripe_sandbox, first, "won")

        assert status_and_reason_of(order) == ("active", "")

    @pytest.mark.parametrize("round_", range(3))
    def test_a_dispute_is_won_while_another_is_opened(
        self, stripe_sandbox: StripeSandbox, order: Order, renewal: Order, first: str, round_: int
    ) -> None:
        second = stripe_sandbox.dispute(intent_of(renewal))
        stripe_sandbox.move_dispute(first, "closed", status="won")
        won, opened = events(stripe_sandbox, first)[-1], events(stripe_sandbox, second)[0]

        assert errors_at_once(lambda: tell(won), lambda: tell(opened)) == []

        assert status_and_reason_of(order) == ("paused", "disputed")
        self.end(stripe_sandbox, second, "won")
        assert status_and_reason_of(order) == ("active", "")

    @pytest.mark.parametrize("round_", range(3))
    def test_both_won_at_once(self, stripe_sandbox: StripeSandbox, order: Order, first: str, round_: int) -> None:
        both = [first, self.another(stripe_sandbox, order)]
        for dispute_id in both:
            stripe_sandbox.move_dispute(dispute_id, "closed", status="won")
        closed = [events(stripe_sandbox, dispute_id)[-1] for dispute_id in both]

        assert errors_at_once(*[lambda event=event: tell(event) for event in closed]) == []

        assert status_and_reason_of(order) == ("active", "")


def test_a_won_dispute_lifts_its_own_hold_only(stripe_sandbox: StripeSandbox) -> None:
    order = paid(payment_method="pm_card_createDispute")
    put_in_status("paused", "unpaid")
    tell_all(stripe_sandbox)
    assert status_and_reason_of(order) == ("paused", "disputed,unpaid")
    stripe_sandbox.move_dispute(Dispute.objects.get().stripe_id, "closed", status="won")

    tell_all(stripe_sandbox)

    assert (Dispute.objects.get().policy_applied, status_and_reason_of(order)) == ("pause", ("paused", "unpaid"))


def test_a_dispute_that_comes_before_its_payment(stripe_sandbox: StripeSandbox) -> None:
    """Stripe took the payment, our worker never heard the answer, and the bank is faster than the webhook."""
    stripe_sandbox.faults({"path": "/v1/payment_intents/*/confirm", "kind": "drop_after_effect", "times": 1})
    order = place_order(payment_method="pm_card_createDispute")
    with pytest.raises(ProviderUnclear):
        capture(order)

    tell_all(stripe_sandbox)

    order.refresh_from_db()
    assert (order.status, status_and_reason_of(order), published()) == (
        "paid", ("paused", "disputed"), {"OrderPaid": 1}
    )  # fmt: skip


def test_a_dispute_of_an_unpaid_payment_is_retried(stripe_sandbox: StripeSandbox) -> None:
    order = place_order(payment_method="pm_card_chargeCustomerFail")
    capture(order)
    about = {"id": "du_1", "payment_intent": intent_of(order), "charge": "ch_1"}

    with pytest.raises(DisputedBeforePaid):
        tell({"type": "charge.dispute.created", "data": {"object": about}})

    assert not Dispute.objects.exists()


def intent_of_somebody(sandbox: StripeSandbox, **metadata: str) -> str:
    """A payment made on the same account, by hand or by another system."""
    form = {f"metadata[{name}]": value for name, value in metadata.items()}
    made = sandbox.api(
        "POST",
        "/v1/payment_intents",
        amount="500",
        currency="eur",
        payment_method="pm_card_createDispute",
        confirm="true",
        **{"allowed_payment_method_types[0]": "card"},
        **form,
    )
    return str(made["id"])


def test_a_dispute_of_a_foreign_payment_is_ignored(stripe_sandbox: StripeSandbox) -> None:
    intent_of_somebody(stripe_sandbox)

    assert {tell(event) for event in events(stripe_sandbox)} == {"ignored: not about one of our payments"}

    assert not Dispute.objects.exists()


@pytest.mark.parametrize("charge", ["ch_of_old", None, "", 7])
def test_a_dispute_of_a_payment_without_an_intent_is_ignored(stripe_sandbox: StripeSandbox, charge: Any) -> None:
    about = {"id": "du_1", "payment_intent": None, "charge": charge}
    event = {"type": "charge.dispute.created", "data": {"object": about}}
    assert tell(event) == "ignored: not about one of our payments"


def test_a_payment_is_also_found_by_its_stripe_charge(stripe_sandbox: StripeSandbox) -> None:
    order = paid(payment_method="pm_card_createDispute")
    event = events(stripe_sandbox)[0]
    event["data"]["object"]["payment_intent"] = None

    assert tell(event) == "dispute needs_response"

    assert status_and_reason_of(order) == ("paused", "disputed")


def test_a_dispute_of_a_missing_charge_is_retried(stripe_sandbox: StripeSandbox) -> None:
    intent_of_somebody(stripe_sandbox, charge=str(uuid.uuid4()))

    with pytest.raises(ChargeNotHereYet):
        tell(events(stripe_sandbox)[0])

    assert not WebhookEvent.objects.exclude(processed_at=None).exists()


def test_a_dispute_about_another_payment_is_a_permanent_error(stripe_sandbox: StripeSandbox) -> None:
    """The hint named one payment, and the dispute itself another."""
    paid(payment_method="pm_card_createDispute")
    other = paid()
    event = events(stripe_sandbox)[0]
    event["data"]["object"]["payment_intent"] = intent_of(other)

    with pytest.raises(following.DisputeDiffers):
        tell(event)

    assert (Dispute.objects.count(), status_and_reason_of(other)) == (0, ("active", ""))


def test_deliveries_at_once(stripe_sandbox: StripeSandbox) -> None:
    order = paid(policy="cancel", payment_method="pm_card_createDispute")
    created, withdrawn = events(stripe_sandbox)

    assert errors_at_once(*[lambda: tell(created), lambda: tell(withdrawn), lambda: tell(created)]) == []

    assert (Dispute.objects.get().policy_applied, status_and_reason_of(order)) == ("cancel", ("canceled", "disputed"))
    assert published()["SubscriptionCanceled"] == 1


def test_an_earlier_reading_never_overwrites_a_later_one(
    stripe_sandbox: StripeSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One worker has read the open dispute and dawdles; meanwhile it is decided, and another worker hears of that."""
    order = paid(payment_method="pm_card_createDispute")
    dispute_id = stripe_sandbox.objects("disputes")[0]["id"]
    real, has_read, decided_dealt_with = gateway.retrieve, threading.Event(), threading.Event()

    def slow_at_first(**named: Any) -> Any:
        found = real(**named)
        if not has_read.is_set():
            has_read.set()
            decided_dealt_with.wait(0.5)
        return found

    monkeypatch.setattr(gateway, "retrieve", slow_at_first)

    def decide() -> None:
        assert has_read.wait(5)
        stripe_sandbox.move_dispute(dispute_id, "closed", status="won")
        tell(events(stripe_sandbox)[-1])
        decided_dealt_with.set()

    assert errors_at_once(lambda: tell(events(stripe_sandbox)[0]), decide) == []

    assert (Dispute.objects.get().status, status_and_reason_of(order)) == ("won", ("active", ""))


def test_a_repeated_win_does_not_undo_later_decisions(stripe_sandbox: StripeSandbox) -> None:
    order = paid(payment_method="pm_card_createDispute")
    tell_all(stripe_sandbox)
    stripe_sandbox.move_dispute(Dispute.objects.get().stripe_id, "closed", status="won")
    tell_all(stripe_sandbox)
    assert status_and_reason_of(order) == ("active", "")
    put_in_status("paused", "disputed")

    tell_all(stripe_sandbox)

    assert status_and_reason_of(order) == ("paused", "disputed")


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_around_the_call(stripe_sandbox: StripeSandbox, monkeypatch: pytest.MonkeyPatch, after: bool) -> None:
    order = paid(policy="cancel", payment_method="pm_card_createDispute")
    created = events(stripe_sandbox)[0]
    for module, name in ((gateway, "retrieve"), (following, "settle")):
        with monkeypatch.context() as patched:
            patched.setattr(module, name, dying(getattr(module, name), after=after))
            with pytest.raises(Died):
                tell(created)

    tell(created)

    assert (Dispute.objects.get().policy_applied, status_and_reason_of(order)) == ("cancel", ("canceled", "disputed"))
    assert published()["SubscriptionCanceled"] == 1


def test_killed_at_every_moment(stripe_sandbox: StripeSandbox) -> None:
    first = paid(policy="cancel", payment_method="pm_card_createDispute")
    created = events(stripe_sandbox)[0]
    moments = Moments()
    with moments:
        tell(created)
    assert len(moments.seen) >= 3

    for moment in moments.seen:
        Dispute.objects.all().delete()
        put_in_status("active")
        with pytest.raises(Died), Moments(die_at=moment):
            tell(created)

        assert tell(created) == "dispute needs_response", moment

        afterwards = (Dispute.objects.get().policy_applied, status_and_reason_of(first))
        assert afterwards == ("cancel", ("canceled", "disputed")), moment
    assert published()["SubscriptionCanceled"] == 1 + len(moments.seen), "once for each time that it was set back"


def test_a_past_due_subscription_is_past_due_again_when_the_dispute_is_won(
    stripe_sandbox: StripeSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = Days(monkeypatch, stripe_sandbox)
    order = paid()
    Plan.objects.update(unpaid_policy="past_due")
    renewal = place_renewal(order, payment_method=SOFT)
    capture(renewal, at=days.now)
    days.pass_(days=60)
    dispute_id = stripe_sandbox.dispute(intent_of(order))
    charge = Charge.objects.get(order=order)
    following.follow(charge_id=charge.pk, dispute_id=dispute_id, at=days.now)
    assert Subscription.objects.get().status == "paused"

    stripe_sandbox.move_dispute(dispute_id, "closed", status="won")
    following.follow(charge_id=charge.pk, dispute_id=dispute_id, at=days.now)

    assert Subscription.objects.get().status == "past_due"


@pytest.mark.parametrize("policy", ["pause", "keep"])
def test_a_payment_that_fails_during_a_dispute_is_not_collected_until_the_win(
    stripe_sandbox: StripeSandbox, monkeypatch: pytest.MonkeyPatch, policy: str
) -> None:
    days = Days(monkeypatch, stripe_sandbox)
    order = paid(policy=policy)
    dispute_id = stripe_sandbox.dispute(intent_of(order))
    charge = Charge.objects.get(order=order)
    confirm = payment_intents.confirm

    def confirm_as_it_is_opened(**asked: Any) -> Any:
        following.follow(charge_id=charge.pk, dispute_id=dispute_id, at=days.now)
        return confirm(**asked)

    renewal = place_renewal(order, payment_method=SOFT)
    with monkeypatch.context() as patched:
        patched.setattr(payment_intents, "confirm", confirm_as_it_is_opened)
        capture(renewal, at=days.now)

    days.pass_(days=60)
    assert charge_of(renewal).attempts.count() == 1
    run = DunningRun.objects.get(order=renewal)
    assert (run.status, run.reason) == ("stopped", "disputed")

    stripe_sandbox.move_dispute(dispute_id, "closed", status="won")
    following.follow(charge_id=charge.pk, dispute_id=dispute_id, at=days.now)
    assert Subscription.objects.get().status == "past_due"
    days.pass_(days=2)
    assert charge_of(renewal).attempts.count() == 2


@pytest.mark.parametrize(
    ("policy", "end"),
    [("cancel", ("canceled", "unpaid")), ("pause", ("paused", "unpaid")), ("past_due", ("past_due", ""))],
)
def test_a_disputed_subscription_with_an_unpaid_order_ends_as_its_plan_says_after_the_dispute_is_won(
    stripe_sandbox: StripeSandbox, monkeypatch: pytest.MonkeyPatch, policy: str, end: tuple[str, str]
) -> None:
    days = Days(monkeypatch, stripe_sandbox)
    order = paid()
    Plan.objects.filter(pk=order.subscription.plan_id).update(unpaid_policy=policy)
    renewal = place_renewal(order, payment_method=SOFT)
    capture(renewal, at=days.now)
    assert status_and_reason_of(order) == ("past_due", "")
    dispute_id = stripe_sandbox.dispute(intent_of(order))
    charge = charge_of(order)

    following.follow(charge_id=charge.pk, dispute_id=dispute_id, at=days.now)
    days.pass_(days=60)
    assert status_and_reason_of(order) == ("paused", "disputed"), "no dunning during the dispute"

    stripe_sandbox.move_dispute(dispute_id, "closed", status="won")
    following.follow(charge_id=charge.pk, dispute_id=dispute_id, at=days.now)
    assert status_and_reason_of(order) == ("past_due", "")
    days.pass_(days=60)
    assert status_and_reason_of(order) == end


class TestWhileItIsOpen:
    """A customer who disputes a payment is not charged for the next order, except at the customer's own request."""

    @pytest.fixture
    def days(self, stripe_sandbox: StripeSandbox, monkeypatch: pytest.MonkeyPatch) -> Days:
        return Days(monkeypatch, stripe_sandbox)

    @pytest.fixture
    def order(self, days: Days) -> Order:
        return paid()

    def open(self, days: Days, order: Order) -> str:
        dispute_id = days.sandbox.dispute(intent_of(order))
        self.follow(days, order, dispute_id)
        assert Subscription.objects.get().status == "paused"
        return dispute_id

    def win(self, days: Days, order: Order, dispute_id: str) -> None:
        days.sandbox.move_dispute(dispute_id, "closed", status="won")
        self.follow(days, order, dispute_id)
        assert Subscription.objects.get().status in ("active", "past_due")
        days.settle()

    def follow(self, days: Days, order: Order, dispute_id: str) -> None:
        following.follow(charge_id=Charge.objects.get(order=order).pk, dispute_id=dispute_id, at=days.now)

    def confirmations(self, days: Days) -> int:
        return len(days.sandbox.requests(path="/confirm"))

    def outcome(self, order: Order) -> tuple[str, str, list[str]]:
        """Of the order, its charge and its attempts."""
        order.refresh_from_db()
        charge = Charge.objects.get(order=order)
        return order.status, charge.status, list(charge.attempts.order_by("number").values_list("status", flat=True))

    def test_a_placed_order_is_charged_after_the_win(self, days: Days, order: Order) -> None:
        renewal = place_renewal(order, payment_method="pm_card_visa")
        dispute_id = self.open(days, order)
        capture(renewal, at=days.now)
        assert self.outcome(renewal) == ("pending_payment", "pending", [])

        self.win(days, order, dispute_id)
        assert self.outcome(renewal) == ("paid", "succeeded", ["succeeded"])

    def test_an_unconfirmed_attempt_is_charged_after_the_win(self, days: Days, order: Order) -> None:
        renewal = place_renewal(order, payment_method="pm_card_visa")
        days.sandbox.faults({"path": "/v1/payment_intents", "kind": "error", "status": 503, "times": 1})
        with pytest.raises(ProviderUnclear):
            capture(renewal, at=days.now)
        dispute_id = self.open(days, order)
        asked = self.confirmations(days)
        capture(renewal, at=days.now)
        assert self.outcome(renewal) == ("pending_payment", "pending", ["canceled"])
        assert self.confirmations(days) == asked

        self.win(days, order, dispute_id)
        assert self.outcome(renewal) == ("paid", "succeeded", ["canceled", "succeeded"])

    def test_a_dunning_attempt_is_postponed_and_takes_no_step(self, days: Days, order: Order) -> None:
        renewal = place_renewal(order, payment_method=SOFT)
        capture(renewal, at=days.now)
        days.sleep(days=2)
        dunning_steps.take_step(order_id=renewal.pk, step_number=1, at=days.now)
        dispute_id = self.open(days, order)
        asked = self.confirmations(days)
        days.pass_(days=60)
        assert self.outcome(renewal) == ("payment_failed", "failed", ["declined", "canceled"])
        assert self.confirmations(days) == asked
        assert [verdict.invariant.name for verdict in ledger.check_ledger() if not verdict.holds] == []

        self.win(days, order, dispute_id)
        days.pass_(days=2)
        assert self.outcome(renewal)[2] == ["declined", "canceled", "declined"], "two days later, as by the first step"
        days.pass_(days=60)
        assert len(self.outcome(renewal)[2]) == 2 + 4
        assert self.outcome(renewal)[0] == "canceled"

    def test_the_outcome_of_a_confirmed_attempt_is_read(self, days: Days, order: Order) -> None:
        renewal = place_renewal(order, payment_method="pm_card_visa")
        days.sandbox.faults({"path": "/v1/payment_intents/*/confirm", "kind": "drop_after_effect", "times": 1})
        with pytest.raises(ProviderUnclear):
            capture(renewal, at=days.now)
        self.open(days, order)
        capture(renewal, at=days.now)
        assert self.outcome(renewal) == ("paid", "succeeded", ["succeeded"])

    def test_a_confirmed_attempt_without_effect_is_charged_after_the_win(self, days: Days, order: Order) -> None:
        renewal = place_renewal(order, payment_method="pm_card_visa")
        days.sandbox.faults({"path": "/v1/payment_intents/*/confirm", "kind": "drop", "times": 1})
        with pytest.raises(ProviderUnclear):
            capture(renewal, at=days.now)
        dispute_id = self.open(days, order)
        asked = self.confirmations(days)
        days.sleep(days=2)
        capture(renewal, at=days.now)
        assert self.outcome(renewal) == ("pending_payment", "pending", ["unknown"])
        assert self.confirmations(days) == asked

        self.win(days, order, dispute_id)
        assert self.outcome(renewal) == ("paid", "succeeded", ["without_effect", "succeeded"])

    def test_the_customer_can_pay_with_another_payment_method(self, days: Days, order: Order) -> None:
        renewal = place_renewal(order, payment_method=SOFT)
        capture(renewal, at=days.now)
        self.open(days, order)
        replace_payment_method(order_id=renewal.pk, payment_method="pm_card_visa", at=days.now)
        days.settle()
        assert self.outcome(renewal) == ("paid", "succeeded", ["declined", "succeeded"])
        assert Subscription.objects.get().status == "paused"
