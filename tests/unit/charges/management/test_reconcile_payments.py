"""The command that compares our payments with Stripe's, and its report."""

from __future__ import annotations

import datetime as dt
import io
import json
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone

from charges.management.commands import reconcile_payments
from charges.models import Charge, ReconciliationFinding, ReconciliationRun
from charges.operations.reconciliation import phases, runs
from tests.support.deliveries import capture
from tests.support.factories import place_order
from tests.support.sandboxes import StripeSandbox

pytestmark = pytest.mark.django_db(transaction=True)

TOMORROW = timezone.now() + dt.timedelta(days=1)


@pytest.fixture(autouse=True)
def _tomorrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the command tomorrow, so that the rows of the tests are old enough."""
    monkeypatch.setattr(reconcile_payments.timezone, "now", lambda: TOMORROW)


def run(*arguments: str, since: str = "2026-11-01") -> tuple[int, str, str]:
    """The exit code, and what was written to the two streams."""
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command("reconcile_payments", "--since", since, *arguments, stdout=out, stderr=err)
    except CommandError as error:
        return error.returncode, out.getvalue(), f"{err.getvalue()}{error}"
    return 0, out.getvalue(), err.getvalue()


def mismatched() -> Charge:
    order = place_order()
    capture(order)
    Charge.objects.filter(order=order).update(amount=1390)
    return Charge.objects.get(order=order)


def test_two_equal_sides_are_a_success(stripe_sandbox: StripeSandbox) -> None:
    capture(place_order())
    code, out, err = run()
    assert (code, err) == (0, "")
    assert "1 intents, 0 refunds, 0 disputes." in out
    assert "Both sides agree." in out


def test_open_differences_are_reported_with_a_next_step(stripe_sandbox: StripeSandbox) -> None:
    charge = mismatched()

    code, out, err = run()

    assert (code, err) == (1, "1 open findings")
    assert f"✗ intent {charge.payment_intent_id}, order {charge.order.number}: amount_differs" in out
    assert "Stripe: succeeded 12.90 EUR; here: succeeded 13.90 EUR" in out
    assert "Next: Compare the order with the payment" in out
    assert "@" not in out


def test_resolved_differences_are_reported_and_are_no_failure(stripe_sandbox: StripeSandbox) -> None:
    order = place_order()
    capture(order)
    Charge.objects.filter(order=order).update(status="pending", succeeded_at=None)

    code, out, _ = run()

    assert code == 0
    assert "Resolved: 1" in out
    assert "Read at Stripe and settled: the charge was pending, and is succeeded now." in out


def test_a_window_that_is_too_new_is_reported(stripe_sandbox: StripeSandbox) -> None:
    last = f"{TOMORROW - dt.timedelta(minutes=15):%Y-%m-%d %H:%M} UTC"

    _, without_until, nothing = run()
    _, cut, warned = run("--until", TOMORROW.isoformat())
    _, earlier, quiet = run("--until", (TOMORROW - dt.timedelta(hours=1)).isoformat())

    assert f"to {last}; the last 15 minutes are not compared: 0 intents" in without_until
    assert f"to {last}; the last 15 minutes are not compared: 0 intents" in cut
    assert "not compared" not in earlier
    assert (nothing, quiet) == ("", "")
    assert warned == f"--until: compared up to {last}; the last 15 minutes are not compared.\n"


def test_a_window_that_begins_too_late_is_an_error(db: None) -> None:
    recent = (TOMORROW - dt.timedelta(minutes=14)).isoformat()

    assert run(since="2999-01-01") == (2, "", "--since: 2999-01-01 00:00 UTC is in the future.")
    assert run(since=recent)[2].endswith("UTC is too new; the last 15 minutes are not compared.")


def test_json_output(stripe_sandbox: StripeSandbox) -> None:
    charge = mismatched()

    code, out, _ = run("--json", "--no-resolve")

    report = json.loads(out)
    [finding] = report["findings"]
    assert (code, report["compared"], report["open"]) == (1, {"intent": 1, "refund": 0, "dispute": 0}, 1)
    assert (finding["problem"], finding["order_number"]) == ("amount_differs", charge.order.number)
    assert ReconciliationRun.objects.get().resolve is False


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"since": "2026-13-45"}, "--since"),
        ({"since": "yesterday"}, "--since"),
        ({"since": "2999-01-01"}, "--since"),
        ({"since": "2026-11-01", "until": "soon"}, "--until"),
        ({"since": "2026-11-02", "until": "2026-11-01"}, "--since"),
    ],
)
def test_an_invalid_time_is_rejected_by_name(db: None, options: dict[str, str], named: str) -> None:
    until = ("--until", options["until"]) if "until" in options else ()
    code, out, err = run(*until, since=options["since"])
    assert (code != 0, out, named in err) == (True, "", True)
    assert not ReconciliationRun.objects.exists()


def test_a_time_without_a_zone_is_utc(stripe_sandbox: StripeSandbox) -> None:
    assert run("--until", "2026-11-02T06:30+02:00", since="2026-11-01T12:00")[0] == 0
    done = ReconciliationRun.objects.get()
    assert done.since == dt.datetime(2026, 11, 1, 12, tzinfo=dt.UTC)
    assert done.until == dt.datetime(2026, 11, 2, 4, 30, tzinfo=dt.UTC)


def test_a_run_that_stopped_at_a_stripe_error_is_continued(stripe_sandbox: StripeSandbox) -> None:
    mismatched()
    stripe_sandbox.faults({"path": "/v1/refunds", "kind": "error", "status": 429})
    code, out, err = run()
    assert (code, out, "continues where it stopped" in err) == (2, "", True)

    stripe_sandbox.faults()
    code, _, err = run()

    assert (code, "Continuing the run" in err) == (1, True)
    assert len([one for one in stripe_sandbox.requests(method="GET") if one["path"] == "/v1/payment_intents"]) == 1
    assert (ReconciliationRun.objects.count(), ReconciliationFinding.objects.count()) == (1, 1)


def test_a_run_that_another_process_continued_stops(
    stripe_sandbox: StripeSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def overtaken(*_: Any, **__: Any) -> None:
        raise phases.Overtaken("Somebody else is at it.")

    monkeypatch.setattr(runs, "_work", overtaken)
    code, out, err = run()
    assert (code, out, err.startswith("Somebody else is at it.")) == (2, "", True)


def test_the_progress_is_shown_if_it_takes_long(stripe_sandbox: StripeSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconcile_payments, "QUIET_SECONDS", -1)
    assert "Looking for charges that Stripe did not list … (0 intents, 0 refunds, 0 disputes)" in run()[2]
