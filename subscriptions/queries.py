"""Read plans, prices and customers."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Prefetch, Q, QuerySet

from integrations.errors import PermanentError
from subscriptions.email_addresses import email_key
from subscriptions.models import (
    Customer,
    EmailChange,
    Erasure,
    Hold,
    LoginRequest,
    PendingChange,
    Plan,
    Price,
    Reminder,
    Skip,
    Subscription,
    SubscriptionChange,
    User,
)

# The reason of a cancellation by which the customer withdrew from the contract.
WITHDRAWAL = "withdrawal"


class CustomerNotFound(PermanentError):
    """No customer has this id. Trying again cannot help."""


class CustomerErased(CustomerNotFound):
    """The customer's data was erased, or is being erased. Nothing personal may be written any more."""


def customer(*, customer_id: UUID) -> Customer:
    """The customer as stored now. Raises ``CustomerNotFound``."""
    found = Customer.objects.filter(pk=customer_id).first()
    if found is None:
        raise CustomerNotFound(f"There is no customer {customer_id}.")
    return found


def customer_not_erased(*, customer_id: UUID) -> Customer | None:
    """The customer as stored now, or None if the data was erased or is being erased. Raises ``CustomerNotFound``."""
    found = customer(customer_id=customer_id)
    return None if found.erased_at is not None else found


def plans_for_sale(*, at: dt.datetime) -> QuerySet[Plan]:
    """The plans that customers can buy at this time. A plan without a price is not among ``prices_for_sale``."""
    has_begun = Q(available_from=None) | Q(available_from__lte=at)
    has_not_ended = Q(available_until=None) | Q(available_until__gt=at)
    return Plan.objects.filter(has_begun, has_not_ended, is_active=True)


def current_prices() -> QuerySet[Price]:
    """The highest version of each plan's price, with the plan, sorted by the plan's code."""
    prices = Price.objects.select_related("plan").order_by("plan__code", "-version")
    return prices.distinct("plan__code")


def prices_for_sale(*, at: dt.datetime) -> QuerySet[Price]:
    """The current prices of the plans that customers can buy at this time, with the plan, sorted by the plan's code."""
    return current_prices().filter(plan__in=plans_for_sale(at=at))


def price_for_sale(*, code: str, at: dt.datetime) -> Price | None:
    """The current price of the plan with this code, or None if customers cannot buy such a plan at this time."""
    return prices_for_sale(at=at).filter(plan__code=code).first()


def current_price(*, plan: Plan) -> Price | None:
    """The price that a new subscription to the plan gets, or None if the plan has no price yet."""
    return plan.prices.order_by("-version").first()


def customer_of_login(*, user_id: UUID | None) -> Customer | None:
    """The customer whose login this is, or None. Nobody's login (None) has no customer."""
    if user_id is None:
        return None
    return Customer.objects.filter(user_id=user_id).first()


def may_log_in_by_mail(login: User) -> bool:
    """Whether this is the active login of a customer. Staff never log in by mail."""
    return login.is_active and not login.has_authority and Customer.objects.filter(user=login).exists()


def login_for_mail(*, email: str) -> User | None:
    """The login to which a login mail for this address is sent, or None."""
    login = User.objects.filter(email=email_key(email)).first()
    return login if login is not None and may_log_in_by_mail(login) else None


def login_request(*, login_request_id: UUID) -> LoginRequest | None:
    """The request for a login mail, or None if it was purged."""
    return LoginRequest.objects.filter(pk=login_request_id).first()


def email_change(*, email_change_id: UUID) -> EmailChange | None:
    """The change of an address with its customer, or None if it was purged."""
    return EmailChange.objects.select_related("customer").filter(pk=email_change_id).first()


def erasure(*, erasure_id: UUID) -> Erasure | None:
    """The erasure with its customer, or None."""
    return Erasure.objects.select_related("customer").filter(pk=erasure_id).first()


def is_address_taken(*, email: str, customer_id: UUID) -> bool:
    """Whether another customer or another login has this address."""
    key = email_key(email)
    others = User.objects.filter(email=key).exclude(customer=customer_id)
    return others.exists() or Customer.objects.filter(email_key=key).exclude(pk=customer_id).exists()


def subscriptions_of(*, customer_id: UUID) -> QuerySet[Subscription]:
    """The customer's subscriptions with their plans and prices. The caller sorts them."""
    return Subscription.objects.filter(customer_id=customer_id).select_related("plan", "price")


def subscriptions_in_detail(*, customer_id: UUID) -> QuerySet[Subscription]:
    """The customer's subscriptions with their plans, prices, open holds, open changes and skips, in five queries."""
    changes = PendingChange.objects.filter(closed_at=None).select_related("price__plan").order_by("created_at")
    return subscriptions_of(customer_id=customer_id).prefetch_related(
        Prefetch("pending_changes", queryset=changes),
        Prefetch("holds", queryset=Hold.objects.filter(lifted_at=None)),
        "skips",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class NextCharge:
    """The next charge of a subscription, as planned now: ``amount`` in minor units, for a quantity of this price."""

    at: dt.datetime
    amount: int
    price: Price
    quantity: int


def next_charge(*, subscription: Subscription) -> NextCharge | None:
    """The next charge, with regard to planned changes and skipped periods. None if no charge follows.

    A credit of the subscription may make it smaller.
    """
    waiting = PendingChange.objects.filter(subscription=subscription, closed_at=None)
    planned = list(waiting.select_related("price__plan"))
    ends = any(change.kind in (PendingChange.Kind.CANCEL, PendingChange.Kind.PAUSE) for change in planned)
    if subscription.renews_at is None or ends:
        return None
    skipped = set(Skip.objects.filter(subscription=subscription).values_list("period_number", flat=True))
    number = subscription.period_number + 1
    while number in skipped:
        number += 1
    at = subscription.renews_at if number == subscription.period_number + 1 else subscription.period(number).start
    price, quantity = subscription.price, subscription.quantity
    for change in planned:
        is_applied = change.when == PendingChange.When.PERIOD_END and (change.not_before or at) <= at
        if is_applied and change.price is not None and change.quantity is not None:
            price, quantity = change.price, change.quantity
    return NextCharge(at=at, amount=price.amount * quantity, price=price, quantity=quantity)


def reminder(*, reminder_id: UUID) -> Reminder | None:
    """The reminder with its subscription, plan, price and customer, or None if it was deleted."""
    related = ("subscription__plan", "subscription__price", "subscription__customer")
    return Reminder.objects.select_related(*related).filter(pk=reminder_id).first()


def why_not_remind(*, reminder: Reminder, at: dt.datetime) -> str:
    """A code if the reminder is not true any more, else an empty text."""
    subscription = reminder.subscription
    expected = {
        Reminder.Kind.TRIAL_ENDING: Subscription.Status.TRIALING,
        Reminder.Kind.RENEWAL: Subscription.Status.ACTIVE,
    }[Reminder.Kind(reminder.kind)]
    if reminder.boundary <= at:
        return "boundary_has_passed"
    if subscription.status != expected:
        return f"subscription_{subscription.status}"
    if subscription.renews_at != reminder.boundary:
        return "boundary_has_moved"
    following = next_charge(subscription=subscription)
    if following is None:
        return "subscription_ends"
    return "" if following.at == reminder.boundary else "period_is_skipped"


def pending_change(*, pending_change_id: UUID) -> PendingChange | None:
    """The planned change with its subscription, prices and customer, or None if it was deleted."""
    related = ("price", "subscription__plan", "subscription__price", "subscription__customer")
    return PendingChange.objects.select_related(*related).filter(pk=pending_change_id).first()


def contract_began_at(*, subscription: Subscription) -> dt.datetime:
    """When the customer concluded the contract that runs now: with the checkout, or with the last reinstatement."""
    reinstated = subscription.changes.filter(kind=SubscriptionChange.Kind.REINSTATED).order_by("pk").last()
    return reinstated.at if reinstated else subscription.periods.earliest("number").start


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancellation:
    """A cancellation or a withdrawal: when the shop received it, and when the subscription ends or has ended.

    ``refund``: what came back because of it, in minor units of the price's currency.
    """

    received_at: dt.datetime
    ends_at: dt.datetime
    is_withdrawal: bool = False
    refund: int = 0


def cancellation_of(*, subscription: Subscription) -> Cancellation | None:
    """The cancellation by which the subscription ends or has ended, or None if it goes on."""
    if subscription.status == Subscription.Status.CANCELED:
        return cancellation(change=subscription.changes.filter(kind=SubscriptionChange.Kind.CANCELED).latest("pk"))
    planned = PendingChange.objects.filter(
        subscription=subscription, kind=PendingChange.Kind.CANCEL, closed_at=None
    ).first()
    if planned is None:
        return None
    return Cancellation(received_at=planned.created_at, ends_at=subscription.current_period_end)


def cancellation(*, change: SubscriptionChange) -> Cancellation | None:
    """The cancellation that was recorded by this change of the kind ``canceled`` or ``cancel_planned``.

    None if the plan to cancel was withdrawn or replaced.
    """
    cancellations = PendingChange.objects.filter(subscription=change.subscription_id, kind=PendingChange.Kind.CANCEL)
    if change.kind == SubscriptionChange.Kind.CANCELED:
        # A cancellation that was planned was received earlier, and is applied at the end.
        planned = cancellations.filter(outcome=PendingChange.Outcome.APPLIED, closed_at=change.at).first()
        return Cancellation(
            received_at=planned.created_at if planned else change.at,
            ends_at=change.at,
            is_withdrawal=change.reason == WITHDRAWAL,
            refund=change.details.get("refunded", 0),
        )
    effective = (PendingChange.Outcome.WAITING, PendingChange.Outcome.APPLIED)
    planned = cancellations.filter(pk=change.details["pending_change"], outcome__in=effective).first()
    if planned is None:
        return None
    ends_at = planned.closed_at or change.subscription.current_period_end
    return Cancellation(received_at=planned.created_at, ends_at=ends_at)


def subscription_change(*, change_id: UUID) -> SubscriptionChange | None:
    """The recorded change with its subscription, plan, price and customer, or None if it was deleted."""
    related = ("subscription__plan", "subscription__price", "subscription__customer")
    return SubscriptionChange.objects.select_related(*related).filter(pk=change_id).first()
