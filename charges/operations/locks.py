"""Every row lock of charges, and the order in which rows are locked.

A transaction takes its locks in this order, and skips what it does not need:

1. the order;
2. its charge;
3. the rows below the charge: attempts, a refund, a dispute, dunning runs (by primary key) with their steps;
4. the subscription, last.

Two transactions that follow this order cannot deadlock. A function that locks a row of level 3 takes the locked
charge as an argument, or locks it itself. No other module of charges calls ``select_for_update``.

Rows of orders and subscriptions are locked by functions of their own apps, which are called from here.
"""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet

from charges.models import Charge, ChargeAttempt, Dispute, DunningRun, DunningStep, Refund
from orders.operations.locks import locked_order


def charge_lock(charge_id: UUID) -> str:
    """The name of the session lock to hold while a charge is read or changed at Stripe."""
    return f"charge:{charge_id}"


def locked_charge(*, charge_id: UUID) -> Charge:
    """The charge with its order, both locked until the transaction ends. Raises ``Charge.DoesNotExist``."""
    return locked_charge_of_order(order_id=Charge.objects.values_list("order_id", flat=True).get(pk=charge_id))


def locked_charge_of_order(*, order_id: UUID) -> Charge:
    """The order's charge with its order, both locked. Raises ``OrderNotFound`` and ``Charge.DoesNotExist``."""
    order = locked_order(order_id=order_id)
    charge = Charge.objects.select_for_update().get(order=order)
    charge.order = order
    return charge


def locked_refund(*, refund_id: UUID) -> Refund:
    """The refund with its charge and order, all locked. Raises ``Refund.DoesNotExist``."""
    charge = locked_charge(charge_id=Refund.objects.values_list("charge_id", flat=True).get(pk=refund_id))
    refund = Refund.objects.select_for_update().get(pk=refund_id)
    refund.charge = charge
    return refund


def locked_refunds(*, charge: Charge) -> list[Refund]:
    """All refunds of the locked charge, locked, oldest first."""
    refunds = list(charge.refunds.select_for_update().order_by("pk"))
    for refund in refunds:
        refund.charge = charge
    return refunds


def locked_dispute(*, charge: Charge, stripe_id: str) -> Dispute | None:
    """The dispute with this id at Stripe, locked, or None. ``charge`` is locked; the dispute may be of another one."""
    return Dispute.objects.select_for_update().filter(stripe_id=stripe_id).first()


def locked_dunning_run(*, charge: Charge) -> DunningRun | None:
    """The dunning run of the locked charge's order, locked, or None."""
    return DunningRun.objects.select_for_update().filter(order=charge.order_id).first()


def locked_planned_step(*, charge: Charge, number: int) -> DunningStep | None:
    """The step of this number and its run, both locked, or None if the step is not planned or the run not active."""
    steps = DunningStep.objects.select_for_update(of=("self", "run")).select_related("run")
    return steps.filter(
        run__order=charge.order_id,
        run__status=DunningRun.Status.ACTIVE,
        number=number,
        status=DunningStep.Status.PLANNED,
    ).first()


def locked_active_runs(runs: QuerySet[DunningRun]) -> list[UUID]:
    """The ids of those of ``runs`` that are active, locked in the order of their ids.

    A caller that holds the lock of an order may lock the runs of other orders, too: a run needs no lock of its order.
    """
    active = DunningRun.objects.filter(pk__in=runs.values("pk"), status=DunningRun.Status.ACTIVE)
    return list(active.select_for_update().order_by("pk").values_list("pk", flat=True))


def locked_available_attempts(attempts: QuerySet[ChargeAttempt]) -> list[ChargeAttempt]:
    """Lock those of ``attempts`` that no other transaction holds. It never waits, so it needs no lock order."""
    return list(attempts.select_for_update(of=("self",), skip_locked=True))
