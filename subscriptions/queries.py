"""Read plans and customers."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet

from integrations.errors import PermanentError
from subscriptions.email_addresses import email_key
from subscriptions.models import Customer, EmailChange, LoginRequest, Plan, Subscription, User


class CustomerNotFound(PermanentError):
    """No customer has this id. Trying again cannot help."""


def customer(*, customer_id: UUID) -> Customer:
    """The customer as stored now. Raises ``CustomerNotFound``."""
    found = Customer.objects.filter(pk=customer_id).first()
    if found is None:
        raise CustomerNotFound(f"There is no customer {customer_id}.")
    return found


def plans_for_sale() -> QuerySet[Plan]:
    """The plans that customers can buy, sorted by code."""
    return Plan.objects.filter(is_active=True).order_by("code")


def plan_for_sale(*, code: str) -> Plan | None:
    """The plan with this code, or None if customers cannot buy such a plan."""
    return plans_for_sale().filter(code=code).first()


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


def is_address_taken(*, email: str, customer_id: UUID) -> bool:
    """Whether another customer or another login has this address."""
    key = email_key(email)
    others = User.objects.filter(email=key).exclude(customer=customer_id)
    return others.exists() or Customer.objects.filter(email_key=key).exclude(pk=customer_id).exists()


def subscriptions_of(*, customer_id: UUID) -> QuerySet[Subscription]:
    """The customer's subscriptions with their plans. The caller sorts them."""
    return Subscription.objects.filter(customer_id=customer_id).select_related("plan")
