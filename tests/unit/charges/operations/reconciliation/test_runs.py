"""A reconciliation goes on where it stopped, page by page, slice by slice, and costs a page the same few statements."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from charges import tasks
from charges.models import Charge, ReconciliationFinding, ReconciliationRun, SeenAtStripe
from charges.operations.reconciliation import comparisons, findings, phases, resolutions, runs, unseen
from integrations.errors import ProviderUnavailable, ProviderUnclear
from integrations.outbox.models import OutboxMessage
from integrations.quick_retries import BUDGET_SECONDS
from integrations.sqs.topology import CHARGES
from integrations.stripe import listings
from integrations.stripe.client import CONNECT_TIMEOUT, READ_TIMEOUT
from tests.support.concurrency import Died, dying
from tests.support.deliveries import published
from tests.support.factories import place_order
from tests.support.sandboxes import StripeSandbox

pytestmark = pytest.mark.django_db(transaction=True)

SINCE = timezone.now() - dt.timedelta(days=1)
LATER = timezone.now() + dt.timedelta(hours=1)


def intents(
    sandbox: StripeSandbox, number: int, *, status: str = "succeeded", name_charge: bool = True
) -> list[Charge]:
    """Paid charges, and their intents laid straight into the sandbox, the oldest first."""
    charges = []
    for n in range(number):
        order = place_order()
        charges.append(
            Charge(
                order=order,
                amount=1290,
                currency="EUR",
                payment_method="pm_1",
                status="succeeded",
                succeeded_at=timezone.now(),
                payment_intent_id=f"pi_{n:03}",
            )
        )
        metadata = {"charge": str(charges[-1].pk)} if name_charge else {}
        put(sandbox, f"pi_{n:03}", status=status, metadata=metadata)
    return Charge.objects.bulk_create(charges)


def put(sandbox: StripeSandbox, id: str, *, status: str, metadata: dict[str, str]) -> None:
    created = int(timezone.now().timestamp())
    body = {"id": id, "object": "payment_intent", "created": created, "status": status, "amount": 1290}
    sandbox.app.store.put("payment_intent", {**body, "currency": "eur", "metadata": metadata}, created=created, refs={})


def begin() -> ReconciliationRun:
    return runs.begin(since=SINCE, until=None, resolve=True, at=LATER)


def complete(run: ReconciliationRun) -> ReconciliationRun:
    return runs.complete(run_id=run.pk, at=LATER)


def lists(sandbox: StripeSandbox) -> int:
    return sum(one["path"] == "/v1/payment_intents" for one in sandbox.requests(method="GET"))


@pytest.mark.parametrize(("number", "pages"), [(0, 1), (1, 1), (100, 1), (101, 2)])
def test_no_intent_is_lost_between_two_pages(stripe_sandbox: StripeSandbox, number: int, pages: int) -> None:
    intents(stripe_sandbox, number)

    run = complete(begin())

    assert (run.counts["intent"], run.found, lists(stripe_sandbox)) == (number, 0, pages)


def test_the_last_of_101_is_compared_in_both_directions(stripe_sandbox: StripeSandbox) -> None:
    oldest, *_, newest = intents(stripe_sandbox, 101)
    Charge.objects.filter(pk=oldest.pk).update(amount=1)
    Charge.objects.filter(pk=newest.pk).update(payment_intent_id="pi_gone")

    complete(begin())

    assert sorted(ReconciliationFinding.objects.values_list("problem", "stripe_id")) == [
        ("amount_differs", "pi_000"),
        ("missing_there", "pi_gone"),
        ("paid_twice", "pi_100"),
    ]


def test_more_rows_than_a_batch_that_stripe_does_not_know(
    stripe_sandbox: StripeSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    intents(stripe_sandbox, 7)
    stripe_sandbox.reset()
    monkeypatch.setattr(phases, "BATCH", 3)
    assert complete(begin()).open == 7


def test_a_page_always_takes_the_same_few_statements(
    stripe_sandbox: StripeSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    intents(stripe_sandbox, 100)
    agreeing = statements_of_a_page()
    assert agreeing <= 6, "the charges, what was seen, where it goes on, and the transaction around them"

    Charge.objects.update(amount=1)
    Charge.objects.filter(payment_intent_id__lt="pi_050").update(
        payment_intent_id=None, status="pending", succeeded_at=None
    )
    assert statements_of_a_page() <= agreeing + 3, "the charges that are named, and what is on record, and what is new"
    assert ReconciliationFinding.objects.count() == 100
    assert statements_of_a_page() <= agreeing + 3
    assert ReconciliationFinding.objects.count() == 100


def statements_of_a_page() -> int:
    run = ReconciliationRun.objects.create(since=SINCE, until=LATER, started_at=LATER)
    with CaptureQueriesContext(
        connection,
    ) as statements:
        phases.read_page(run, LATER, kind="intent")
    return len(statements)


CALLS = [
    (listings, "page"),
    (comparisons, "between"),
    (findings, "record"),
    (unseen, "unseen"),
    (findings, "adopt_earlier"),
    (resolutions, "check_again"),
]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(("module", "name"), CALLS, ids=lambda value: getattr(value, "__name__", value))
def test_a_run_continues_after_its_process_was_killed(
    stripe_sandbox: StripeSandbox, monkeypatch: pytest.MonkeyPatch, module: Any, name: str, after: bool
) -> None:
    oldest, *_ = intents(stripe_sandbox, 101)
    Charge.objects.filter(pk=oldest.pk).update(amount=1)
    run = begin()
    with monkeypatch.context() as patched:
        patched.setattr(module, name, dying(getattr(module, name), after=after))
        with pytest.raises(Died):
            complete(run)

    again = begin()
    done = complete(again)

    assert again.pk == run.pk
    assert (done.counts["intent"], done.found, done.open) == (101, 1, 1)
    assert not SeenAtStripe.objects.exists()


def test_a_page_that_was_read_is_not_read_again(stripe_sandbox: StripeSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    intents(stripe_sandbox, 101)
    run = begin()
    runs._work(run, at=LATER, seconds=0)
    stripe_sandbox.faults({"path": "/v1/payment_intents", "kind": "error", "status": 503, "times": 1})
    with pytest.raises((ProviderUnclear, ProviderUnavailable)):
        complete(run)
    before = lists(stripe_sandbox)

    assert complete(run).counts["intent"] == 101
    assert lists(stripe_sandbox) == before + 1


def test_a_step_that_another_worker_did_is_rolled_back(stripe_sandbox: StripeSandbox) -> None:
    """The lock was lost: both read the same page, and one of them counts."""
    intents(stripe_sandbox, 101)
    run = begin()
    other = ReconciliationRun.objects.get(pk=run.pk)
    runs._work(run, at=LATER, seconds=0)
    with pytest.raises(phases.Overtaken):
        runs._work(other, at=LATER, seconds=0)
    assert ReconciliationRun.objects.get(pk=run.pk).counts == {"intent": 100}


def test_nothing_to_compare() -> None:
    now = timezone.now()
    with pytest.raises(runs.NothingToCompare):
        runs.begin(since=now - dt.timedelta(minutes=14), until=None, resolve=True, at=now)
    assert not ReconciliationRun.objects.exists()


class TestNightly:
    def messages(self) -> list[dict[str, Any]]:
        """The messages that continue a run, oldest first."""
        rows = OutboxMessage.objects.filter(task="charges.continue_reconciliation").order_by("id")
        return list(rows.values_list("kwargs", flat=True))

    def deliver(self, message: dict[str, Any], *, seconds: float = 0) -> None:
        runs.continue_nightly(run_id=message["run_id"], step=message["step"], at=LATER, seconds=seconds)

    def test_a_slice_ends_before_its_task_is_stopped(self) -> None:
        """A quick round that failed, a whole slice, and its last step: a lock and three calls that take their time."""
        last_step = 10.0 + 3 * (CONNECT_TIMEOUT + READ_TIMEOUT)
        assert BUDGET_SECONDS + runs.SLICE_SECONDS + last_step < CHARGES.soft_time_limit

    def test_it_begins_once_a_night(self) -> None:
        first, again = runs.begin_nightly(at=LATER), runs.begin_nightly(at=LATER)
        assert (first.pk, published()) == (again.pk, {"ReconciliationContinues": 1})
        assert first.until - first.since == runs.NIGHTLY_WINDOW - runs.GRACE
        runs.begin_nightly(at=LATER + dt.timedelta(days=1))
        assert ReconciliationRun.objects.count() == 2

    def test_slice_by_slice_to_its_end(self, stripe_sandbox: StripeSandbox) -> None:
        oldest, *_ = intents(stripe_sandbox, 101)
        Charge.objects.filter(pk=oldest.pk).update(amount=1)
        run = runs.begin_nightly(at=LATER)

        step = 0
        while step < len(self.messages()):
            self.deliver(self.messages()[step])
            step += 1

        run.refresh_from_db()
        assert (run.phase, run.counts["intent"], run.open) == ("done", 101, 1)
        assert step == 10  # a step of work in each: two pages, and one for everything else

    def test_in_one_slice_if_there_is_time(self, stripe_sandbox: StripeSandbox, caplog: Any) -> None:
        intents(stripe_sandbox, 3)
        Charge.objects.update(amount=1)
        tasks.reconcile_payments()
        run = ReconciliationRun.objects.get()
        ReconciliationRun.objects.update(until=LATER)

        tasks.continue_reconciliation(run_id=str(run.pk), step=0)

        run.refresh_from_db()
        assert (run.phase, len(self.messages())) == ("done", 1)
        assert "left 3 differences from Stripe open" in caplog.text

    def test_a_slice_delivered_twice_is_done_once(self, stripe_sandbox: StripeSandbox) -> None:
        intents(stripe_sandbox, 101)
        run = runs.begin_nightly(at=LATER)
        [first] = self.messages()

        self.deliver(first)
        self.deliver(first)

        run.refresh_from_db()
        assert (len(self.messages()), run.step, run.counts, lists(stripe_sandbox)) == (2, 1, {"intent": 100}, 1)

    def test_a_slice_killed_before_it_published_the_next_is_delivered_again(
        self, stripe_sandbox: StripeSandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        intents(stripe_sandbox, 101)
        runs.begin_nightly(at=LATER)
        [first] = self.messages()
        with monkeypatch.context() as patched:
            patched.setattr(runs, "_publish_next_slice", dying(runs._publish_next_slice, after=False))
            with pytest.raises(Died):
                self.deliver(first)

        self.deliver(first, seconds=60)

        assert (ReconciliationRun.objects.get().counts["intent"], lists(stripe_sandbox)) == (101, 2)

    def test_a_run_whose_message_was_lost_is_abandoned(self, stripe_sandbox: StripeSandbox) -> None:
        intents(stripe_sandbox, 101)
        lost = runs.begin_nightly(at=LATER)
        self.deliver(self.messages()[0])
        assert SeenAtStripe.objects.exists()

        runs.begin_nightly(at=LATER + dt.timedelta(days=1))

        lost.refresh_from_db()
        assert (lost.phase, lost.finished_at is None) == ("abandoned", False)
        assert not SeenAtStripe.objects.exists()
        self.deliver(self.messages()[1])
        assert ReconciliationRun.objects.get(pk=lost.pk).phase == "abandoned"

    def test_an_unknown_run(self) -> None:
        with pytest.raises(runs.RunNotFound):
            runs.continue_nightly(run_id=uuid4(), step=0, at=LATER)
