from __future__ import annotations

import datetime as dt

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType

from orders.operations import checkout
from subscriptions.models import Customer, EmailChange, Erasure, LoginRequest, Subscription, User
from subscriptions.operations import email_changes, login_requests, profiles
from subscriptions.operations.customers import Buyer, find_or_register_customer
from subscriptions.operations.erasures import parts, requests
from subscriptions.operations.logins import create_login
from subscriptions.operations.subscriptions import Purchase
from subscriptions.queries import CustomerErased, CustomerNotFound, current_price
from tests.support.accounts import customer_with_login
from tests.support.concurrency import at_once
from tests.support.days import NOW
from tests.support.deliveries import published
from tests.support.erasures import request_erasure
from tests.support.factories import make_customer, make_order, staff_user, started_subscription
from tests.support.subscriptions import put_in_status

pytestmark = pytest.mark.django_db(transaction=True)

UNKNOWN = "6f1c2a0e-8a0b-4f6e-9a53-3a8f0c0b7d11"


@pytest.fixture
def ann(transactional_db: None) -> Customer:
    return customer_with_login(marketing_consent=True)


def test_the_customer_is_cut_off_at_once(ann: Customer) -> None:
    login_requests.request_login(email=ann.email, network="192.0.2.1", browser="b", at=NOW)
    email_changes.request_email_change(customer_id=ann.pk, email="ann@new.example.com", at=NOW)

    erasure = request_erasure(ann)

    ann.refresh_from_db()
    assert (ann.erased_at, ann.email_key, ann.user) == (NOW, ann.placeholder, None)
    assert (ann.marketing_consent, ann.sms_consent) == (False, False)
    assert User.objects.count() + LoginRequest.objects.count() + EmailChange.objects.count() == 0
    assert (erasure.email, erasure.phones, erasure.status) == ("Ann.Lee@example.com", ["+4915112345678"], "requested")
    assert set(erasure.steps.values_list("name", flat=True)) == set(parts.steps())


def test_the_addresses_before_recent_changes_are_erased_too(ann: Customer) -> None:
    for email, confirmed_at in (("ann@old.example.com", NOW), ("typo@example.com", None)):
        EmailChange.objects.create(
            customer=ann, email="x@example.com", email_key="x@example.com", old_email=email, requested_at=NOW,
            expires_at=NOW, confirmed_at=confirmed_at,
        )  # fmt: skip
    assert request_erasure(ann).addresses == ["Ann.Lee@example.com", "ann@old.example.com"]


def test_subscriptions_are_canceled_in_the_same_request(coffee: object, ann: Customer) -> None:
    subscription = started_subscription(coffee, customer=ann)
    put_in_status("active", subscription=subscription)
    request_erasure(ann)
    subscription.refresh_from_db()
    assert (subscription.status, subscription.cancel_reason) == (Subscription.Status.CANCELED, "erasure")


def test_a_second_request_returns_the_first_erasure(ann: Customer) -> None:
    assert request_erasure(ann).pk == request_erasure(ann, at=NOW + dt.timedelta(days=1)).pk
    assert published()["ErasureRequested"] == 1


def test_two_requests_at_once_begin_one_erasure(ann: Customer) -> None:
    first, second = at_once(lambda: request_erasure(ann).pk, times=2)
    assert first == second == Erasure.objects.get().pk


def test_open_money_refuses_with_its_reasons_and_changes_nothing(ann: Customer) -> None:
    order = make_order(customer=ann, status="payment_failed")
    with pytest.raises(requests.MoneyIsOpen) as refused:
        request_erasure(ann)
    assert refused.value.reasons == [f"Order {order.number} is not paid. Pay it, or cancel its subscription."]
    ann.refresh_from_db()
    assert ann.erased_at is None and ann.user is not None
    assert Erasure.objects.count() == 0


@pytest.mark.parametrize(("hours", "is_enough"), [(1, True), (23, True), (24, False)])
def test_a_copy_of_the_last_24_hours_is_enough(ann: Customer, hours: int, is_enough: bool) -> None:
    Customer.objects.update(exported_at=NOW - dt.timedelta(hours=hours))
    if is_enough:
        assert request_erasure(ann, export_declined=False).export == Erasure.Export.DOWNLOADED
    else:
        with pytest.raises(requests.ExportMissing):
            request_erasure(ann, export_declined=False)


def test_an_unknown_customer_is_an_error(db: None) -> None:
    with pytest.raises(CustomerNotFound):
        requests.request_erasure(customer_id=UNKNOWN, export_declined=True, actor=requests.REPLAY, at=NOW)  # type: ignore[arg-type]


def test_the_admins_history_of_the_login_forgets_the_address(ann: Customer) -> None:
    assert ann.user is not None
    LogEntry.objects.create(
        user=staff_user(), action_flag=2, object_id=str(ann.user.pk), object_repr=ann.user.email,
        content_type=ContentType.objects.get_for_model(User),
    )  # fmt: skip
    request_erasure(ann)
    assert LogEntry.objects.get().object_repr == "erased"


def test_a_login_that_became_staffs_stays(ann: Customer) -> None:
    User.objects.update(is_staff=True)
    request_erasure(ann)
    assert User.objects.get().is_staff
    ann.refresh_from_db()
    assert ann.user is None


def test_the_same_address_registers_a_new_customer(ann: Customer) -> None:
    request_erasure(ann)
    again = find_or_register_customer(buyer=Buyer(email="ann.lee@example.com", name="Ann Lee"))
    assert again.pk != ann.pk
    assert create_login(customer_id=again.pk)
    assert not create_login(customer_id=ann.pk)


def test_a_purchase_at_the_same_moment_is_never_lost_between_the_two(ann: Customer, coffee: object) -> None:
    """Either the purchase comes first, and its unpaid order refuses the erasure, or it belongs to a new customer."""
    price = current_price(plan=coffee)  # type: ignore[arg-type]
    assert price is not None
    purchase = Purchase(
        price=price, quantity=1, payment_method="pm_card_visa", shipping_address=None, time_zone="UTC"
    )
    placed = checkout.Checkout(buyer=Buyer(email=ann.email, name="Ann Lee"), purchase=purchase)
    key = checkout.IdempotencyKey(caller="", key="k", request_hash="h")

    def buy() -> None:
        checkout.place_checkout(checkout=placed, key=key, at=NOW, describe=lambda order: {})

    bought, erased = at_once(buy, lambda: request_erasure(ann))

    assert bought is None
    buyer = Subscription.objects.get().customer
    if isinstance(erased, Erasure):
        assert buyer.pk != ann.pk
    else:
        assert isinstance(erased, requests.MoneyIsOpen)
        assert buyer.pk == ann.pk and buyer.erased_at is None


def test_nothing_personal_is_written_afterwards(ann: Customer) -> None:
    request_erasure(ann)
    with pytest.raises(CustomerErased):
        profiles.update_profile(customer_id=ann.pk, changes={"name": "Ann"})
    with pytest.raises(CustomerErased):
        email_changes.request_email_change(customer_id=ann.pk, email="ann@example.com", at=NOW)


def test_a_replay_waits_instead_of_refusing(ann: Customer) -> None:
    make_order(customer=ann, status="payment_failed")
    erasure = requests.replay_erasure(customer_id=ann.pk, at=NOW)
    assert (erasure.export, erasure.requested_by_kind) == ("replay", "system")
    assert requests.replay_erasure(customer_id=ann.pk, at=NOW).pk == erasure.pk
    assert make_customer().erased_at is None
