from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from charges.models import Charge, DunningRun, DunningStep, Refund
from charges.operations import locks
from tests.support.days import NOW
from tests.support.factories import place_order

pytestmark = pytest.mark.django_db

ORDER, CHARGE, REFUND = "orders_order", "charges_charge", "charges_refund"
RUN, STEP = "charges_dunningrun", "charges_dunningstep"


@pytest.fixture
def charge() -> Charge:
    order = place_order()
    return Charge.objects.create(order=order, amount=order.amount, currency=order.currency, payment_method="pm_1")


@pytest.fixture
def refund(charge: Charge) -> Refund:
    return Refund.objects.create(charge=charge, amount=1, origin=Refund.Origin.STAFF)


@pytest.fixture
def step(charge: Charge) -> DunningStep:
    run = DunningRun.objects.create(order=charge.order, schedule=[1], unpaid_policy="cancel", started_at=NOW)
    return DunningStep.objects.create(run=run, number=1, due_at=NOW)


def locked_by(take: Callable[[], object]) -> list[str]:
    """The tables whose rows ``take`` locks, in order."""
    with transaction.atomic(), CaptureQueriesContext(connection) as captured:
        take()
    locking = [query["sql"] for query in captured if "FOR UPDATE" in query["sql"]]
    return [match[1] for sql in locking if (match := re.search(r'FROM "(\w+)"', sql))]


def test_a_charge_is_locked_after_its_order(charge: Charge) -> None:
    assert locked_by(lambda: locks.locked_charge(charge_id=charge.pk)) == [ORDER, CHARGE]
    assert locked_by(lambda: locks.locked_charge_of_order(order_id=charge.order_id)) == [ORDER, CHARGE]


def test_a_refund_is_locked_after_its_order_and_charge(refund: Refund) -> None:
    assert locked_by(lambda: locks.locked_refund(refund_id=refund.pk)) == [ORDER, CHARGE, REFUND]


def test_a_locked_refund_carries_its_locked_charge_and_order(refund: Refund) -> None:
    with transaction.atomic():
        locked = locks.locked_refund(refund_id=refund.pk)
        (listed,) = locks.locked_refunds(charge=locked.charge)
    assert locked.charge.order == refund.charge.order
    assert listed.charge is locked.charge


def test_a_step_is_locked_together_with_its_run(charge: Charge, step: DunningStep) -> None:
    with transaction.atomic(), CaptureQueriesContext(connection) as captured:
        assert locks.locked_planned_step(charge=charge, number=1) == step
    assert f'FOR UPDATE OF "{STEP}", "{RUN}"' in captured[-1]["sql"]


@pytest.mark.parametrize("status", [DunningRun.Status.RECOVERED, DunningRun.Status.EXHAUSTED])
def test_only_active_runs_are_locked(charge: Charge, step: DunningStep, status: DunningRun.Status) -> None:
    DunningRun.objects.update(status=status, ended_at=NOW)
    with transaction.atomic():
        assert locks.locked_planned_step(charge=charge, number=1) is None
        assert locks.locked_active_runs(DunningRun.objects.all()) == []
