"""Events that no webhook delivered are fetched: each once, even if a worker dies, and a limited number at a time."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.utils import timezone

from charges.events import StripeWebhookReceived
from charges.models import Charge, FetchMark
from charges.operations.recovery import missed_events
from charges.operations.recovery.missed_events import fetch_missed_events
from charges.operations.stripe_events.processing import process_stripe_event
from integrations.errors import ProviderUnclear
from integrations.inbox import recording
from integrations.inbox.models import WebhookEvent
from integrations.outbox.models import OutboxMessage
from integrations.stripe import events
from integrations.stripe.webhooks import StripeEvent, event_in
from tests.support.concurrency import Died, dying, errors_at_once
from tests.support.deliveries import capture, published
from tests.support.factories import place_order
from tests.support.sandboxes import StripeSandbox

pytestmark = pytest.mark.django_db(transaction=True)

MINUTE, HOUR, DAY = dt.timedelta(minutes=1), dt.timedelta(hours=1), dt.timedelta(days=1)


def soon() -> dt.datetime:
    """A time at which the sweep fetches the events of this moment. In whole seconds, like Stripe's times."""
    return timezone.now().replace(microsecond=0) + 6 * MINUTE


def mark() -> Any:
    return FetchMark.objects.values_list("fetched_until", flat=True).first()


def stored() -> int:
    return WebhookEvent.objects.count()


class History:
    """A fake of Stripe's list of events. ``happen`` adds events."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.made: list[tuple[dt.datetime, str]] = []
        self.asked: list[tuple[dt.datetime, dt.datetime]] = []
        self.taken = 0
        monkeypatch.setattr(events, "since", self.since)

    def happen(self, number: int, *, at: dt.datetime, apart: dt.timedelta = dt.timedelta()) -> None:
        start = len(self.made)
        self.made += [(at + n * apart, f"evt_{start + n}") for n in range(number)]

    def since(self, *, created_from: dt.datetime, created_until: dt.datetime, types: Any) -> Iterator[StripeEvent]:
        self.asked.append((created_from, created_until))
        for at, id in sorted(self.made, reverse=True):
            if created_from <= at < created_until:
                self.taken += 1
                yield event_in({"id": id, "object": "event", "type": "payment_intent.succeeded"})


@pytest.fixture
def history(monkeypatch: pytest.MonkeyPatch) -> History:
    return History(monkeypatch)


# Against the sandbox


def test_a_payment_without_any_webhook_is_settled(
    stripe_sandbox: StripeSandbox, caplog: pytest.LogCaptureFixture
) -> None:
    stripe_sandbox.faults({"path": "/v1/payment_intents/*/confirm", "kind": "drop_after_effect", "times": 1})
    order = place_order()
    with pytest.raises(ProviderUnclear):
        capture(order)
    assert not WebhookEvent.objects.exists()

    with caplog.at_level(logging.WARNING):
        assert fetch_missed_events(at=soon()) == 1

    assert "1 Stripe events had not arrived" in caplog.text
    [row] = OutboxMessage.objects.filter(task="charges.process_webhook")
    process_stripe_event(webhook_event_id=row.kwargs["webhook_event_id"], at=timezone.now())
    order.refresh_from_db()
    assert (order.status, Charge.objects.get().status, stripe_sandbox.statuses()) == (
        "paid",
        "succeeded",
        ["succeeded"],
    )


def test_an_event_that_came_by_webhook_is_not_recorded_twice(
    stripe_sandbox: StripeSandbox, caplog: pytest.LogCaptureFixture
) -> None:
    capture(place_order())
    for raw in stripe_sandbox.objects("events"):
        recording.record(
            provider="stripe",
            received=[recording.Received(event_id=raw["id"], type=raw["type"], payload=raw)],
            event=lambda id: StripeWebhookReceived(webhook_event_id=id),
        )
    before = (stored(), published())

    with caplog.at_level(logging.WARNING):
        assert fetch_missed_events(at=soon()) == 0

    assert (stored(), published()) == before
    assert caplog.text == ""


def test_events_on_several_pages_are_listed(stripe_sandbox: StripeSandbox) -> None:
    for _ in range(130):
        made = stripe_sandbox.api("POST", "/v1/payment_intents", amount="100", currency="eur")
        stripe_sandbox.api("POST", f"/v1/payment_intents/{made['id']}/cancel")

    assert fetch_missed_events(at=soon()) == 130
    assert fetch_missed_events(at=soon()) == 0
    assert (stored(), published()) == (130, {"StripeWebhookReceived": 130})
    assert "client_secret" not in str(list(WebhookEvent.objects.values_list("payload", flat=True)))


def test_two_runs_at_once_record_each_event_once(stripe_sandbox: StripeSandbox) -> None:
    for _ in range(20):
        made = stripe_sandbox.api("POST", "/v1/payment_intents", amount="100", currency="eur")
        stripe_sandbox.api("POST", f"/v1/payment_intents/{made['id']}/cancel")
    at = soon()

    assert errors_at_once(*[lambda: fetch_missed_events(at=at)] * 3) == []

    assert (stored(), published()) == (20, {"StripeWebhookReceived": 20})
    assert mark() == at - 5 * MINUTE


# The window of the search


def test_the_first_run_fetches_three_days_and_the_next_from_an_hour_before_the_mark(history: History) -> None:
    at = soon()
    fetch_missed_events(at=at)
    assert history.asked[0][0] == at - 3 * DAY - HOUR
    assert history.asked[-1][1] == mark() == at - 5 * MINUTE

    history.asked.clear()
    fetch_missed_events(at=at + HOUR)
    assert history.asked[0][0] == at - 5 * MINUTE - HOUR
    assert history.asked[-1][1] == mark() == at + 55 * MINUTE


def test_the_slices_leave_no_gap(history: History) -> None:
    fetch_missed_events(at=soon())
    for (_, until), (next_from, _) in zip(history.asked, history.asked[1:], strict=False):
        assert until == next_from
    assert len(history.asked) < 20


def test_an_event_that_is_listed_late_is_found_by_the_overlap(history: History) -> None:
    at = soon()
    fetch_missed_events(at=at)
    history.happen(1, at=at - 50 * MINUTE)
    assert fetch_missed_events(at=at + 10 * MINUTE) == 1


def test_events_of_the_last_minutes_are_left_to_their_webhooks(history: History) -> None:
    at = soon()
    history.happen(1, at=at - 5 * MINUTE)
    assert fetch_missed_events(at=at) == 0
    assert fetch_missed_events(at=at + MINUTE) == 1


def test_a_gap_longer_than_stripe_keeps_events_is_logged_as_an_error(
    history: History, caplog: pytest.LogCaptureFixture
) -> None:
    at = soon()
    FetchMark.objects.create(name="stripe_events", fetched_until=at - 40 * DAY)
    fetch_missed_events(at=at)
    assert history.asked[0][0] == at - 30 * DAY
    assert "keeps them for 30 days only" in caplog.text
    assert mark() == at - 5 * MINUTE


def test_a_late_run_does_not_move_the_mark_back(history: History) -> None:
    at = soon()
    fetch_missed_events(at=at)
    fetch_missed_events(at=at - 2 * HOUR)
    assert mark() == at - 5 * MINUTE


# Limits


def test_a_run_stops_at_its_limits_and_the_next_continues(
    history: History, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(missed_events, "MAX_PAGES_PER_RUN", 10)
    at = soon()
    history.happen(3 * 24 * 60 - 10, at=at - 3 * DAY, apart=MINUTE)
    taken = []
    marks = []
    while mark() is None or mark() < at - 5 * MINUTE:
        history.taken = 0
        fetch_missed_events(at=at)
        taken.append(history.taken)
        marks.append(mark())
        assert len(taken) < 20

    assert stored() == 3 * 24 * 60 - 10
    assert len(taken) > 3
    assert max(taken) <= 11 * 100
    assert marks == sorted(set(marks)), "each run moves the mark"
    assert "behind; the next run continues" in caplog.text


def test_a_first_slice_beyond_the_limits_is_read_to_its_end(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(missed_events, "MAX_PAGES_PER_RUN", 1)
    at = soon()
    history.happen(950, at=at - 3 * DAY)

    fetch_missed_events(at=at)

    assert (stored(), mark()) == (950, at - 3 * DAY + missed_events.FIRST_SLICE)


def test_a_later_slice_beyond_the_limits_is_left_to_the_next_run(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(missed_events, "MAX_PAGES_PER_RUN", 6)
    at = soon()
    burst = at - 3 * DAY + 5 * HOUR
    history.happen(950, at=burst)

    fetch_missed_events(at=at)
    marks = [mark()]
    assert at - 3 * DAY < marks[0] < burst, "the mark stays before the unread events"
    assert 0 < stored() < 950
    while marks[-1] < at - 5 * MINUTE:
        fetch_missed_events(at=at)
        marks.append(mark())
        assert len(marks) < 20

    assert (stored(), marks) == (950, sorted(set(marks))), "each run moved the mark"


def test_memory_holds_one_page_at_a_time(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    real: Callable[..., int] = recording.record
    monkeypatch.setattr(recording, "record", lambda **named: (sizes.append(len(named["received"])), real(**named))[1])
    history.happen(1000, at=soon() - DAY)
    fetch_missed_events(at=soon())
    assert (max(sizes), sum(sizes)) == (100, 1000)


# Killed workers


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("name", ["_record_page", "_move_mark", "_report"])
def test_a_killed_run_loses_nothing_and_repeats_nothing(
    history: History, monkeypatch: pytest.MonkeyPatch, name: str, after: bool
) -> None:
    at = soon()
    history.happen(250, at=at - DAY)
    with monkeypatch.context() as patched:
        calls = iter(range(10**6))
        real, dead = getattr(missed_events, name), dying(getattr(missed_events, name), after=after)
        fatal = 0 if name == "_report" else 8
        patched.setattr(
            missed_events, name, lambda *args, **named: (dead if next(calls) == fatal else real)(*args, **named)
        )
        with pytest.raises(Died):
            fetch_missed_events(at=at)

    fetch_missed_events(at=at)

    assert (stored(), published()) == (250, {"StripeWebhookReceived": 250})
    assert mark() == at - 5 * MINUTE


def test_finished_slices_stay_finished_if_stripe_fails(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = soon()
    history.happen(10, at=at - 3 * DAY + 2 * HOUR)
    history.happen(10, at=at - HOUR)

    def failing(**named: Any) -> Iterator[StripeEvent]:
        if named["created_until"] > at - 2 * DAY:
            raise ProviderUnclear("Stripe did not answer.")
        return history.since(**named)

    with monkeypatch.context() as patched:
        patched.setattr(events, "since", failing)
        with pytest.raises(ProviderUnclear):
            fetch_missed_events(at=at)
    moved = mark()
    assert at - 3 * DAY < moved < at - 2 * DAY
    assert stored() == 10

    history.asked.clear()
    assert fetch_missed_events(at=at) == 10
    assert history.asked[0][0] == moved - HOUR
