"""A logged-in customer adds a card, makes it the default, and removes it."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from charges.models import Charge, SavedPaymentMethod
from integrations.outbox.models import OutboxMessage
from orders.models import Order
from subscriptions.models import Customer, Subscription
from tests.support.accounts import BackEnd, Browser, customer_with_login, deliver
from tests.support.deliveries import published
from tests.support.factories import place_order
from tests.support.sandboxes import StripeSandbox

pytestmark = pytest.mark.django_db(transaction=True)

PATH = "me/payment-methods/"
NO_CARD = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def ann(transactional_db: None, stripe_sandbox: StripeSandbox) -> Customer:
    return customer_with_login()


@pytest.fixture
def browser(ann: Customer) -> Browser:
    return Browser().log_in(ann)


def cards(browser: Browser) -> list[dict[str, Any]]:
    return list(browser.get(PATH).json()["results"])


def add(browser: Browser, payment_method: str = "pm_card_visa") -> str:
    """Add the card, and do the work of the ChargesQueue. Returns its id."""
    response = browser.post(PATH, {"payment_method": payment_method})
    assert response.status_code == 202
    deliver("ChargesQueue")
    return str(response.json()["id"])


def make_default(browser: Browser, card: str, body: Any = None) -> Any:
    return browser.post(f"{PATH}{card}/default/", body)


def remove(browser: Browser, card: str) -> Any:
    return browser.call("delete", f"{PATH}{card}/")


def test_a_card_of_a_setup_intent_is_added(ann: Customer, browser: Browser, stripe_sandbox: StripeSandbox) -> None:
    setup = browser.post("setup-intents/").json()
    confirmed = stripe_sandbox.http.post(
        f"/stripe/v1/setup_intents/{setup['id']}/confirm",
        data={
            "key": setup["publishable_key"],
            "client_secret": setup["client_secret"],
            "payment_method": "pm_card_mastercard",
        },
    ).json()
    assert browser.post(PATH, {"payment_method": confirmed["payment_method"]}).json()["status"] == "pending"
    deliver("ChargesQueue")

    [card] = cards(browser)
    assert (card["status"], card["brand"], card["last4"]) == ("ready", "mastercard", "4444")
    assert (card["exp_month"], card["exp_year"], card["is_default"]) == (11, 2031, False)
    attached = stripe_sandbox.api("GET", f"/v1/payment_methods/{confirmed['payment_method']}")
    assert attached["customer"]


def test_adding_twice_is_one_card(browser: Browser) -> None:
    assert add(browser) == add(browser)
    assert len(cards(browser)) == 1
    assert published()["PaymentMethodAdded"] == 0  # delivered, and not published again


def test_a_refused_card_says_so(browser: Browser) -> None:
    add(browser, "pm_card_chargeDeclined")
    [card] = cards(browser)
    assert (card["status"], card["brand"]) == ("failed", "")
    assert make_default(browser, card["id"]).status_code == 409


def test_the_card_of_a_checkout_without_login_is_not_offered(ann: Customer, browser: Browser, coffee: Any) -> None:
    """A purchase does not prove that the buyer owns the address."""
    body = {"plan": coffee.code, "payment_method": "pm_card_visa", "customer": {"email": ann.email, "name": "X"}}
    headers = {"Idempotency-Key": "k1"}
    Client().post("/api/v1/checkout/", body, content_type="application/json", headers=headers)
    deliver("ChargesQueue")
    saved = SavedPaymentMethod.objects.get()
    assert saved.customer == ann and saved.stripe_id
    assert cards(browser) == []
    assert remove(browser, str(saved.pk)).status_code == 404
    assert make_default(browser, str(saved.pk)).status_code == 404


def test_the_default_is_charged_for_later_orders(ann: Customer, browser: Browser) -> None:
    order = place_order(customer=ann)
    ended = place_order(customer=ann).subscription
    Subscription.objects.filter(pk=ended.pk).update(status="canceled", canceled_at=order.placed_at, renews_at=None)
    first, second = add(browser), add(browser, "pm_card_mastercard")

    assert make_default(browser, first).json()["is_default"]
    assert make_default(browser, second).json()["is_default"]

    assert [(card["id"], card["is_default"]) for card in cards(browser)] == [(second, True), (first, False)]
    assert Subscription.objects.get(pk=order.subscription_id).payment_method == "pm_card_mastercard"
    assert Subscription.objects.get(pk=ended.pk).payment_method == "pm_card_visa"
    assert Order.objects.get(pk=order.pk).payment_method == "pm_card_visa"  # paid at its payment page
    changes = order.subscription.changes.filter(kind="payment_method_changed")
    assert {(change.actor_kind, change.actor) for change in changes} == {("customer", str(ann.pk))}


def test_a_subscription_that_has_ended_can_be_named(ann: Customer, browser: Browser) -> None:
    """A reinstatement charges it then."""
    ended = place_order(customer=ann).subscription
    Subscription.objects.update(status="canceled", canceled_at=ended.anchor_at, renews_at=None)
    card = add(browser, "pm_card_mastercard")
    make_default(browser, card, {"subscriptions": [str(ended.pk)]})
    assert Subscription.objects.get(pk=ended.pk).payment_method == "pm_card_mastercard"


def test_the_default_can_be_for_some_subscriptions_only(ann: Customer, browser: Browser) -> None:
    one, other = place_order(customer=ann).subscription, place_order(customer=ann).subscription
    bobs = place_order().subscription
    card = add(browser, "pm_card_mastercard")
    make_default(browser, card, {"subscriptions": [str(one.pk), str(bobs.pk)]})
    stored = dict(Subscription.objects.values_list("pk", "payment_method"))
    assert stored == {one.pk: "pm_card_mastercard", other.pk: "pm_card_visa", bobs.pk: "pm_card_visa"}


def test_a_removed_card_is_detached_and_stays_away(browser: Browser, stripe_sandbox: StripeSandbox) -> None:
    card = add(browser)
    stripe_id = SavedPaymentMethod.objects.get().stripe_id
    assert remove(browser, card).status_code == 204
    deliver("ChargesQueue")
    assert cards(browser) == []
    assert stripe_sandbox.api("GET", f"/v1/payment_methods/{stripe_id}")["customer"] is None
    assert remove(browser, card).status_code == 404
    assert browser.post(PATH, {"payment_method": "pm_card_visa"}).status_code == 422


def test_removing_is_done_once_however_often_it_is_delivered(browser: Browser, stripe_sandbox: StripeSandbox) -> None:
    remove(browser, add(browser))
    row = OutboxMessage.objects.get()
    deliver("ChargesQueue")
    row.save(force_insert=True)
    assert deliver("ChargesQueue") == ["charges.detach_payment_method"]


def test_a_card_that_is_removed_before_it_is_attached_is_never_attached(
    browser: Browser, stripe_sandbox: StripeSandbox
) -> None:
    response = browser.post(PATH, {"payment_method": "pm_card_visa"})
    remove(browser, response.json()["id"])
    deliver("ChargesQueue")
    assert [entry for entry in stripe_sandbox.records("requests") if "/attach" in entry["path"]] == []


def test_the_last_card_stays_while_an_order_is_unpaid(ann: Customer, browser: Browser) -> None:
    """PO#8225."""
    order = place_order(customer=ann, payment_method="pm_card_chargeCustomerFail")
    card = add(browser)
    assert remove(browser, card).status_code == 409
    second = add(browser, "pm_card_mastercard")
    assert remove(browser, card).status_code == 204
    assert remove(browser, second).status_code == 409
    Order.objects.filter(pk=order.pk).update(status="canceled", canceled_at=order.placed_at)
    assert remove(browser, second).status_code == 204


def test_a_card_in_use_stays(ann: Customer, browser: Browser) -> None:
    order = place_order(customer=ann, status="paid", paid_at=ann.created_at)
    first, second = add(browser), add(browser, "pm_card_mastercard")
    make_default(browser, first)
    assert remove(browser, first).status_code == 409
    make_default(browser, second)
    assert remove(browser, first).status_code == 204
    assert Subscription.objects.get(pk=order.subscription_id).payment_method == "pm_card_mastercard"


def test_the_card_of_an_unpaid_charge_stays(ann: Customer, browser: Browser) -> None:
    order = place_order(customer=ann)
    first, second = add(browser), add(browser, "pm_card_mastercard")
    make_default(browser, second)
    Charge.objects.create(order=order, amount=1290, currency="EUR", payment_method="pm_card_visa", status="failed")
    assert remove(browser, first).status_code == 409


def test_another_customers_card_does_not_exist(ann: Customer, browser: Browser) -> None:
    card = add(browser)
    bob = customer_with_login(email="bob@example.com", name="Bob")
    for caller in (Browser().log_in(bob), BackEnd(customer=bob)):
        assert caller.get(PATH).json()["results"] == []
        assert caller.call("delete", f"{PATH}{card}/").status_code == 404
        assert caller.call("post", f"{PATH}{card}/default/").status_code == 404
    assert len(cards(browser)) == 1


def test_the_back_end_adds_a_card_for_a_customer(ann: Customer, browser: Browser) -> None:
    back_end = BackEnd(customer=ann)
    assert back_end.call("post", PATH, {"payment_method": "pm_card_visa"}).status_code == 202
    deliver("ChargesQueue")
    assert [card["status"] for card in cards(browser)] == ["ready"]


@pytest.mark.parametrize(("method", "path"), [("post", PATH), ("delete", f"{PATH}{NO_CARD}/")])
def test_nobody_changes_cards_without_logging_in(ann: Customer, method: str, path: str) -> None:
    assert Browser().start().call(method, path, {"payment_method": "pm_card_visa"}).status_code == 401
    assert BackEnd(customer=ann, scopes=["customers.read"]).call(method, path).status_code == 403


@pytest.mark.parametrize(
    ("body", "status"), [({}, 400), ({"payment_method": "card"}, 422), ({"payment_method": 1}, 400)]
)
def test_what_is_no_payment_method_is_refused(browser: Browser, body: Any, status: int) -> None:
    assert browser.post(PATH, body).status_code == status
    assert SavedPaymentMethod.objects.count() == 0
