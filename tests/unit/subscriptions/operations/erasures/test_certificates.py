from __future__ import annotations

import datetime as dt
import json

from subscriptions.operations.erasures import parts
from subscriptions.operations.erasures.certificates import certificate
from tests.support.days import NOW
from tests.support.erasures import begun_erasure, finish_other_steps
from tests.support.factories import make_customer, make_order


def test_it_says_what_went_what_stays_why_and_until_when(transactional_db: None) -> None:
    ann = make_customer()
    order = make_order(customer=ann, status="fulfilled")
    order.placed_at = dt.datetime(2026, 5, 1, tzinfo=dt.UTC)
    order.save()
    erasure = begun_erasure(ann)
    finish_other_steps(erasure)

    made = certificate(erasure=erasure, at=NOW)

    assert (made["customer"], made["requested_by"], made["copy"]) == (str(ann.pk), "customer", "declined")
    assert [entry["what"] for entry in made["erased"]] == [step.erases for step in parts.steps().values()]
    assert all(entry["at"] == NOW.isoformat() for entry in made["erased"])
    orders = next(entry for entry in made["kept"] if "lines" in entry["what"])
    assert (orders["until"], "17(3)(b)" in orders["why"]) == ("2034-12-31", True)
    assert "Ann" not in json.dumps(made) and "example.com" not in json.dumps(made)


def test_a_customer_without_orders_leaves_no_invoices(transactional_db: None) -> None:
    made = certificate(erasure=begun_erasure(make_customer()), at=NOW)
    assert [entry["until"] for entry in made["kept"]] == [None]
