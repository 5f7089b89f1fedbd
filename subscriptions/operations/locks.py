"""Every row lock of plans, customers and subscriptions.

A transaction that changes a price locks the plan and nothing else.

A transaction locks customers first (several of them by primary key), then a customer's erasure, then its login, then
the requests for its login mails, and a subscription after everything else: after its orders and their payments, which
belong to higher apps. It locks one subscription only. Two transactions that follow this order cannot deadlock. No other
module of this app calls ``select_for_update``, and higher apps lock subscriptions only by these functions.
"""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from django.db.models import QuerySet

from subscriptions.models import Customer, Erasure, Hold, LoginRequest, PendingChange, Plan, Subscription, User
from subscriptions.queries import CustomerErased, CustomerNotFound


def locked_customer(*, customer_id: UUID) -> Customer:
    """The customer, locked until the transaction ends. Raises ``CustomerNotFound``, and ``CustomerErased`` if the
    customer's data is being erased or was: nothing personal may be written any more."""
    customer = locked_customer_or_erased(customer_id=customer_id)
    if customer.erased_at is not None:
        raise CustomerErased(f"The data of customer {customer_id} was erased.")
    return customer


def locked_customer_or_erased(*, customer_id: UUID) -> Customer:
    """The customer, locked until the transaction ends, also if the data was erased. Raises ``CustomerNotFound``."""
    customer = Customer.objects.select_for_update().filter(pk=customer_id).first()
    if customer is None:
        raise CustomerNotFound(f"There is no customer {customer_id}.")
    return customer


def locked_customer_with(*, email_key: str) -> Customer | None:
    """The customer with this address, locked until the transaction ends, or None.

    An erasure takes the address away under the same lock. So nothing is added to a customer who is being erased.
    """
    # "no_key": rows that refer to the customer can still be inserted meanwhile.
    return Customer.objects.select_for_update(no_key=True).filter(email_key=email_key).first()


def locked_erasure(*, erasure_id: UUID) -> Erasure:
    """The erasure, locked until the transaction ends, after its customer. Raises ``Erasure.DoesNotExist``."""
    return Erasure.objects.select_for_update().get(pk=erasure_id)


def locked_customer_ids(customers: QuerySet[Customer]) -> list[UUID]:
    """The ids of these customers, locked by primary key."""
    return list(customers.select_for_update().order_by("pk").values_list("pk", flat=True))


def locked_login(*, user_id: UUID) -> User:
    """The login, locked until the transaction ends, after its customer. Raises ``User.DoesNotExist``."""
    return User.objects.select_for_update().get(pk=user_id)


def locked_login_request_ids(requests: QuerySet[LoginRequest]) -> list[UUID]:
    """The ids of these requests for login mails, locked by primary key, after the login."""
    return list(requests.select_for_update().order_by("pk").values_list("pk", flat=True))


def locked_subscription(*, subscription_id: UUID) -> Subscription:
    """The subscription, locked until the transaction ends. Raises ``Subscription.DoesNotExist``."""
    return Subscription.objects.select_for_update().get(pk=subscription_id)


def lock_subscription(subscription: Subscription) -> None:
    """Lock the row of this subscription until the transaction ends, and read its fields again."""
    rows = Subscription.objects.select_for_update(of=("self",)).select_related("plan")
    subscription.refresh_from_db(from_queryset=rows)


def locked_due_subscriptions(*, at: dt.datetime, batch: int) -> list[Subscription]:
    """Subscriptions that renew at ``at`` or before, locked, the oldest first, with their prices. At most ``batch``.

    Rows that another transaction holds are skipped: another scheduler renews them, or they are being changed.
    """
    due = Subscription.objects.filter(renews_at__lte=at).order_by("renews_at").select_related("price")
    return list(due.select_for_update(of=("self",), skip_locked=True)[:batch])


def locked_with_due_holds(*, at: dt.datetime, batch: int) -> list[Subscription]:
    """Subscriptions with an open hold that ends at ``at`` or before, locked. At most ``batch``.

    Rows that another transaction holds are skipped: the next run takes them.
    """
    due = Hold.objects.filter(lifted_at=None, lift_at__lte=at)
    found = Subscription.objects.filter(pk__in=due.values("subscription_id"))
    return list(found.select_for_update(of=("self",), skip_locked=True).order_by("pk")[:batch])


def locked_ended_while_paused(*, at: dt.datetime, batch: int) -> list[Subscription]:
    """Paused subscriptions with a planned cancellation whose period has ended at ``at``, locked. At most ``batch``.

    Rows that another transaction holds are skipped: the next run takes them.
    """
    planned = PendingChange.objects.filter(kind=PendingChange.Kind.CANCEL, closed_at=None)
    ended = Subscription.objects.filter(
        pk__in=planned.values("subscription_id"), status=Subscription.Status.PAUSED, current_period_end__lte=at
    )
    return list(ended.select_for_update(of=("self",), skip_locked=True).order_by("pk")[:batch])


def locked_plan(*, plan_id: int) -> Plan:
    """The plan, locked until the transaction ends. Raises ``Plan.DoesNotExist``."""
    return Plan.objects.select_for_update().get(pk=plan_id)
