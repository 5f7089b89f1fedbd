"""The command that checks the ledger: a report for people, JSON for programs, and an exit code."""

from __future__ import annotations

import json
import re
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from charges.invariants import INVARIANTS
from charges.models import Charge
from orders.models import Order
from tests.support.days import NOW
from tests.support.deliveries import start_fulfillments
from tests.support.factories import paid_charge
from tests.support.sandboxes import StripeSandbox

pytestmark = pytest.mark.django_db(transaction=True)

NAMES = [invariant.name for invariant in INVARIANTS]


def paid_and_canceled() -> Charge:
    """The charge of an order that was paid although it is canceled: one broken invariant."""
    charge: Charge = paid_charge()
    start_fulfillments()
    Order.objects.filter(pk=charge.order_id).update(status="canceled", canceled_at=NOW)
    return charge


def test_a_ledger_without_violations(stripe_sandbox: StripeSandbox) -> None:
    paid_charge()
    start_fulfillments()
    out, err = StringIO(), StringIO()

    call_command("check_ledger", stdout=out, stderr=err)

    lines = out.getvalue().splitlines()
    assert [line.split()[:3] for line in lines[:-1]] == [["✓", name, "0"] for name in NAMES]
    assert lines[-1].startswith(f"All {len(NAMES)} invariants hold")
    assert err.getvalue() == ""


def test_violations_are_shown_and_the_exit_code_is_1(stripe_sandbox: StripeSandbox) -> None:
    charge = paid_and_canceled()
    out = StringIO()

    with pytest.raises(CommandError, match=f"1 of {len(NAMES)} invariants are broken") as error:
        call_command("check_ledger", stdout=out)

    assert error.value.returncode == 1
    text = out.getvalue()
    assert re.search(r"^✗ no_money_for_a_canceled_order +1 broken", text, re.MULTILINE)
    assert f"order {charge.order.number}, charge {charge.pk}: canceled order was paid: 1290 EUR" in text
    assert "Next: Refund the payment" in text


def test_json(stripe_sandbox: StripeSandbox) -> None:
    charge = paid_and_canceled()
    out = StringIO()

    with pytest.raises(CommandError):
        call_command("check_ledger", json=True, stdout=out)

    report = json.loads(out.getvalue())
    assert report["holds"] is False
    (broken,) = [invariant for invariant in report["invariants"] if not invariant["holds"]]
    assert (broken["name"], broken["count"]) == ("no_money_for_a_canceled_order", 1)
    assert broken["examples"] == [
        {
            "order_number": charge.order.number,
            "charge_id": str(charge.pk),
            "details": "canceled order was paid: 1290 EUR",
        }
    ]


def test_the_progress_is_shown_if_it_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("charges.management.commands.check_ledger.QUIET_SECONDS", -1.0)
    err = StringIO()

    call_command("check_ledger", stdout=StringIO(), stderr=err)

    assert [line.split()[:2] for line in err.getvalue().splitlines()] == [
        [f"{number}/{len(NAMES)}", name] for number, name in enumerate(NAMES, start=1)
    ]
