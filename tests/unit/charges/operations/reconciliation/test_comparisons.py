"""Every difference between Stripe's payment intents and our charges is found, in both directions, and what is safe to
resolve is resolved."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone

from charges.models import Charge, ReconciliationFinding, ReconciliationRun, SeenAtStripe
from charges.operations.locks import charge_lock
from charges.operations.reconciliation import findings, resolutions, runs
from integrations.errors import ProviderUnclear
from integrations.locks import Busy, session_lock
from integrations.stripe import listings, payment_intents
from integrations.stripe.errors import InvalidRequest
from orders.models import Order
from subscriptions.models import User
from tests.support.concurrency import Died, dying
from tests.support.days import NOW
from tests.support.deliveries import capture, published
from tests.support.factories import place_order
from tests.support.sandboxes import StripeSandbox

pytestmark = pytest.mark.django_db(transaction=True)

SINCE = timezone.now() - dt.timedelta(hours=1)
HOUR = dt.timedelta(hours=1)
DECLINED = "pm_card_chargeCustomerFail_insufficient_funds"
AUTHENTICATE = "pm_card_authenticationRequired"


def reconcile(*, resolve: bool = True, later: dt.timedelta = HOUR) -> ReconciliationRun:
    at = timezone.now() + later
    run = runs.begin(since=SINCE, until=None, resolve=resolve, at=at)
    return runs.complete(run_id=run.pk, at=at)


def found() -> list[tuple[str, str]]:
    """Problem and status of every finding, oldest first."""
    return list(ReconciliationFinding.objects.order_by("pk").values_list("problem", "status"))


def paid(**order: Any) -> Charge:
    placed = place_order(**order)
    capture(placed)
    return Charge.objects.get(order=placed)


def unheard(sandbox: StripeSandbox, **order: Any) -> Charge:
    """Stripe gave its answer, and no worker ever heard it."""
    sandbox.faults({"path": "/v1/payment_intents/*/confirm", "kind": "drop_after_effect", "times": 1})
    placed = place_order(**order)
    with pytest.raises(ProviderUnclear):
        capture(placed)
    return Charge.objects.get(order=placed)


def unlinked(monkeypatch: pytest.MonkeyPatch, **order: Any) -> Charge:
    """The worker died between making the intent and committing its id."""
    placed = place_order(**order)
    with monkeypatch.context() as patched:
        patched.setattr(payment_intents, "create", dying(payment_intents.create, after=True))
        with pytest.raises(Died):
            capture(placed)
    return Charge.objects.get(order=placed)


def another_intent(sandbox: StripeSandbox, charge: Charge | None, *, pay: bool = False, **form: str) -> str:
    """Somebody made an intent without us."""
    form = {"amount": "1290", "currency": "eur", "payment_method": "pm_card_visa", **form}
    if charge is not None:
        form["metadata[charge]"] = str(charge.pk)
    made = sandbox.api("POST", "/v1/payment_intents", **form)
    if pay:
        sandbox.api("POST", f"/v1/payment_intents/{made['id']}/confirm", return_url="https://shop.example")
    return str(made["id"])


def test_ordinary_payments_agree(stripe_sandbox: StripeSandbox) -> None:
    charges = [paid(), paid(payment_method=DECLINED), paid(payment_method=AUTHENTICATE), paid(currency="JPY")]
    abandoned = paid(payment_method=DECLINED)
    payment_intents.cancel(payment_intent_id=str(abandoned.payment_intent_id))
    Charge.objects.filter(pk=abandoned.pk).update(status="canceled")
    assert {charge.status for charge in charges} == {"succeeded", "failed", "requires_action"}

    run = reconcile()

    assert found() == []
    assert (run.phase, run.counts["intent"], run.found, run.open) == ("done", 5, 0, 0)
    assert not SeenAtStripe.objects.exists()


@pytest.mark.parametrize(
    ("card", "charge_status", "order_status", "event"),
    [
        ("pm_card_visa", "succeeded", "paid", "OrderPaid"),
        (DECLINED, "failed", "payment_failed", "PaymentFailed"),
        (AUTHENTICATE, "requires_action", "requires_action", "PaymentActionRequired"),
    ],
)
def test_a_lost_response_is_settled(
    stripe_sandbox: StripeSandbox, card: str, charge_status: str, order_status: str, event: str
) -> None:
    charge = unheard(stripe_sandbox, payment_method=card)

    run = reconcile()

    charge.refresh_from_db()
    assert (charge.status, charge.order.status) == (charge_status, order_status)
    assert (found(), published()[event]) == ([("status_differs", "resolved")], 1)
    assert ReconciliationFinding.objects.get().resolution == (
        f"Read at Stripe and settled: the charge was pending, and is {charge_status} now."
    )
    assert (run.found, run.resolved, run.open) == (1, 1, 0)


def test_without_resolving_nothing_is_changed(stripe_sandbox: StripeSandbox) -> None:
    charge = unheard(stripe_sandbox)
    stray = another_intent(stripe_sandbox, paid())
    requests = len(stripe_sandbox.requests(method="POST"))

    run = reconcile(resolve=False)

    charge.refresh_from_db()
    assert charge.status == "pending"
    assert stripe_sandbox.api("GET", f"/v1/payment_intents/{stray}")["status"] != "canceled"
    assert len(stripe_sandbox.requests(method="POST")) == requests
    assert sorted(found()) == [("second_intent", "open"), ("status_differs", "open")]
    assert (run.resolved, run.open) == (0, 2)


def test_an_intent_whose_id_was_not_saved_is_linked(
    stripe_sandbox: StripeSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    charge = unlinked(monkeypatch)

    reconcile()

    charge.refresh_from_db()
    assert (charge.payment_intent_id, charge.status) == (stripe_sandbox.intents()[0]["id"], "pending")
    assert found() == [("not_linked", "resolved")]


@pytest.mark.parametrize("paid_first", [True, False])
def test_of_two_intents_of_one_charge_the_paid_one_counts(
    stripe_sandbox: StripeSandbox, monkeypatch: pytest.MonkeyPatch, paid_first: bool
) -> None:
    charge = unlinked(monkeypatch)
    first = stripe_sandbox.intents()[0]["id"]
    second = another_intent(stripe_sandbox, charge, pay=not paid_first)
    if paid_first:
        stripe_sandbox.api("POST", f"/v1/payment_intents/{first}/confirm", off_session="true")
    keeper = first if paid_first else second

    run = reconcile()

    charge.refresh_from_db()
    assert (charge.status, charge.payment_intent_id) == ("succeeded", keeper)
    assert stripe_sandbox.statuses() == ["canceled", "succeeded"]
    assert (run.open, published()["OrderPaid"]) == (0, 1)


def test_a_second_intent_that_is_open_is_canceled(stripe_sandbox: StripeSandbox) -> None:
    charge = paid()
    stray = another_intent(stripe_sandbox, charge)

    reconcile()

    assert stripe_sandbox.api("GET", f"/v1/payment_intents/{stray}")["status"] == "canceled"
    assert stripe_sandbox.statuses() == ["canceled", "succeeded"]
    assert found() == [("second_intent", "resolved")]


def test_a_second_intent_that_is_paid_while_it_is_canceled_is_listed(
    stripe_sandbox: StripeSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    stray = another_intent(stripe_sandbox, paid())
    cancel = payment_intents.cancel

    def too_late(*, payment_intent_id: str) -> Any:
        stripe_sandbox.api("POST", f"/v1/payment_intents/{stray}/confirm", return_url="https://shop.example")
        return cancel(payment_intent_id=payment_intent_id)

    monkeypatch.setattr(payment_intents, "cancel", too_late)
    reconcile()

    assert sorted(found()) == [("paid_twice", "open"), ("second_intent", "resolved")]


def test_an_intent_of_a_canceled_charge_that_is_open_is_canceled(stripe_sandbox: StripeSandbox) -> None:
    charge = paid(payment_method=DECLINED)
    Charge.objects.filter(pk=charge.pk).update(status="canceled")

    reconcile()

    assert (stripe_sandbox.statuses(), found()) == (["canceled"], [("status_differs", "resolved")])


def paid_twice(sandbox: StripeSandbox) -> None:
    another_intent(sandbox, paid(), pay=True)


def paid_though_canceled(sandbox: StripeSandbox) -> None:
    Charge.objects.filter(pk=paid().pk).update(status="canceled", succeeded_at=None)


def another_amount(sandbox: StripeSandbox) -> None:
    Charge.objects.filter(pk=paid().pk).update(amount=1390)


def another_currency(sandbox: StripeSandbox) -> None:
    Charge.objects.filter(pk=paid().pk).update(currency="USD")


def not_at_stripe(sandbox: StripeSandbox) -> None:
    paid()
    sandbox.reset()


def behind_us(sandbox: StripeSandbox) -> None:
    charge = paid(payment_method=DECLINED)
    Charge.objects.filter(pk=charge.pk).update(status="succeeded", succeeded_at=NOW)


def not_made_by_this_shop(sandbox: StripeSandbox) -> None:
    another_intent(sandbox, None, pay=True)


def of_a_charge_that_is_not_here(sandbox: StripeSandbox) -> None:
    another_intent(sandbox, Charge())


LISTED = {
    paid_twice: ("paid_twice", "refund this one"),
    paid_though_canceled: ("paid_though_canceled", "Refund the payment"),
    another_amount: ("amount_differs", "Compare the order"),
    another_currency: ("amount_differs", "Compare the order"),
    not_at_stripe: ("missing_there", "belongs to the account"),
    behind_us: ("status_differs", "tell the developers"),
    not_made_by_this_shop: ("missing_here", "another system"),
    of_a_charge_that_is_not_here: ("missing_here", "another system"),
}


@pytest.mark.parametrize("make", LISTED, ids=lambda make: make.__name__)
def test_an_unsafe_difference_is_listed_once_with_a_next_step(stripe_sandbox: StripeSandbox, make: Any) -> None:
    make(stripe_sandbox)
    before = list(Charge.objects.values_list("status", "payment_intent_id")), stripe_sandbox.statuses()
    problem, next_step = LISTED[make]

    first, second = reconcile(), reconcile()

    assert found() == [(problem, "open")]
    finding = ReconciliationFinding.objects.get()
    assert next_step in finding.next_step
    assert finding.first_seen_at < finding.last_seen_at
    assert [(run.found, run.resolved, run.open) for run in (first, second)] == [(1, 0, 1)] * 2
    assert (list(Charge.objects.values_list("status", "payment_intent_id")), stripe_sandbox.statuses()) == before
    assert "@" not in finding.details + finding.next_step + finding.resolution


def test_unpaid_intents_of_other_systems_are_ignored(stripe_sandbox: StripeSandbox) -> None:
    another_intent(stripe_sandbox, None)
    reconcile()
    assert found() == []


def test_a_status_that_cannot_be_settled_does_not_stop_the_run(stripe_sandbox: StripeSandbox) -> None:
    odd, well = unheard(stripe_sandbox), unheard(stripe_sandbox)
    Charge.objects.filter(pk=odd.pk).update(amount=1)

    run = reconcile()

    well.refresh_from_db()
    assert well.status == "succeeded"
    assert sorted(found()) == [("amount_differs", "open"), ("status_differs", "open"), ("status_differs", "resolved")]
    assert "another amount" in ReconciliationFinding.objects.get(problem="status_differs", status="open").resolution
    assert run.open == 2


def test_an_unreadable_finding_does_not_stop_the_run(
    stripe_sandbox: StripeSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd, well = unheard(stripe_sandbox), unheard(stripe_sandbox)
    find = listings.find

    def refused(*, kind: str, id: str) -> Any:
        if id == odd.payment_intent_id:
            raise InvalidRequest("Stripe answered 400.", code="parameter_invalid")
        return find(kind=kind, id=id)

    monkeypatch.setattr(listings, "find", refused)
    reconcile()

    well.refresh_from_db()
    assert (well.status, sorted(found())) == (
        "succeeded",
        [("status_differs", "open"), ("status_differs", "resolved")],
    )
    assert ReconciliationFinding.objects.get(status="open").resolution == "Could not be checked: Stripe answered 400."


def test_a_busy_charge_is_left_to_the_next_night(
    stripe_sandbox: StripeSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    charge = unheard(stripe_sandbox)

    def busy(**_: Any) -> None:
        raise Busy(f"{charge_lock(charge.pk)} is being worked on.")

    with monkeypatch.context() as patched:
        patched.setattr(resolutions, "read_payment", busy)
        reconcile()
    assert found() == [("status_differs", "open")]

    reconcile()
    assert found() == [("status_differs", "resolved")]


def test_a_payment_settled_while_the_list_was_read_is_no_difference(
    stripe_sandbox: StripeSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list is older than our row. Read again, both agree."""
    order = unheard(stripe_sandbox).order
    check_again = resolutions.check_again

    def resolved_meanwhile(**arguments: Any) -> None:
        capture(order)
        check_again(**arguments)

    monkeypatch.setattr(resolutions, "check_again", resolved_meanwhile)
    assert reconcile(resolve=False).open == 0
    assert ReconciliationFinding.objects.get().resolution == findings.GONE


def test_payments_of_the_last_minutes_are_not_compared(stripe_sandbox: StripeSandbox) -> None:
    unheard(stripe_sandbox)
    another_intent(stripe_sandbox, None, pay=True)
    assert reconcile(later=dt.timedelta(minutes=14)).found == 0


def test_an_intent_made_later_than_its_charge_is_not_missed(stripe_sandbox: StripeSandbox) -> None:
    """The charge lies within the window, its intent just after the end."""
    charge = paid()
    at = timezone.now() + dt.timedelta(minutes=14)
    Charge.objects.filter(pk=charge.pk).update(created_at=at - dt.timedelta(minutes=20))

    run = runs.begin(since=SINCE, until=None, resolve=True, at=at)
    assert runs.complete(run_id=run.pk, at=at).found == 0


def test_an_intent_outside_the_window_is_read_before_it_counts_as_missing(stripe_sandbox: StripeSandbox) -> None:
    charge = paid()
    at = timezone.now() + HOUR
    until = timezone.now() - dt.timedelta(minutes=20)
    Charge.objects.filter(pk=charge.pk).update(created_at=until - dt.timedelta(minutes=5))

    run = runs.begin(since=SINCE, until=until, resolve=True, at=at)

    assert runs.complete(run_id=run.pk, at=at).open == 0
    assert found() == [("missing_there", "resolved")]


class TestFindings:
    """A finding over several nights."""

    def test_a_finding_closes_when_the_difference_is_gone(self, stripe_sandbox: StripeSandbox) -> None:
        another_amount(stripe_sandbox)
        assert reconcile().open == 1

        Charge.objects.update(amount=1290)
        run = reconcile()

        finding = ReconciliationFinding.objects.get()
        assert (finding.status, finding.resolution, run.open) == ("resolved", findings.GONE, 0)

    def test_a_finding_opens_again_when_the_difference_is_back(self, stripe_sandbox: StripeSandbox) -> None:
        another_amount(stripe_sandbox)
        reconcile()
        Charge.objects.update(amount=1290)
        reconcile()
        Charge.objects.update(amount=1390)

        reconcile()

        assert found() == [("amount_differs", "open")]
        assert ReconciliationFinding.objects.get().resolved_at is None

    def test_a_finding_resolved_by_staff_stays_so_until_the_difference_changes(
        self, stripe_sandbox: StripeSandbox
    ) -> None:
        another_amount(stripe_sandbox)
        reconcile()
        self.deal_with()

        assert reconcile().open == 0
        assert ReconciliationFinding.objects.get().resolution == "The rest came by bank transfer."

        Charge.objects.update(amount=1490)
        assert reconcile().open == 1
        assert ReconciliationFinding.objects.get().resolved_by is None

    def test_marking_needs_a_reason(self, stripe_sandbox: StripeSandbox) -> None:
        another_amount(stripe_sandbox)
        reconcile()
        with pytest.raises(findings.ReasonMissing):
            self.deal_with(reason="  ")
        assert found() == [("amount_differs", "open")]

    def test_the_nightly_run_checks_open_findings_of_any_age(self, stripe_sandbox: StripeSandbox) -> None:
        another_amount(stripe_sandbox)
        reconcile()
        Charge.objects.update(amount=1290)
        in_a_month = timezone.now() + dt.timedelta(days=30)

        runs.complete(run_id=runs.begin_nightly(at=in_a_month).pk, at=in_a_month)

        assert found() == [("amount_differs", "resolved")]

    def test_a_single_finding_can_be_checked(self, stripe_sandbox: StripeSandbox) -> None:
        charge = unheard(stripe_sandbox)
        reconcile(resolve=False)

        finding = runs.check_again_now(finding_id=ReconciliationFinding.objects.get().pk, at=NOW)

        charge.refresh_from_db()
        assert (finding.status, charge.status, Order.objects.get().status) == ("resolved", "succeeded", "paid")

    def deal_with(self, reason: str = " The rest came by bank transfer. ") -> None:
        staff, _ = User.objects.get_or_create(email="staff@example.com", defaults={"is_staff": True})
        ids = list(ReconciliationFinding.objects.values_list("pk", flat=True))
        assert findings.mark_resolved(finding_ids=ids, by=staff, reason=reason, at=NOW) == 1


def test_a_run_and_a_capture_do_not_wait_for_each_other(stripe_sandbox: StripeSandbox) -> None:
    run = runs.begin(since=SINCE, until=None, resolve=True, at=timezone.now())
    with session_lock(charge_lock(paid().pk)):
        assert runs.complete(run_id=run.pk, at=timezone.now()).phase == "done"
