"""PaymentIntents, over HTTP with the real SDK."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
import stripe

from integrations.sandbox.stripe_api import cards

Charge = Callable[..., stripe.PaymentIntent]
Attach = Callable[[str], str]


def error_of(call: Callable[[], Any]) -> stripe.StripeError:
    with pytest.raises(stripe.StripeError) as caught:
        call()
    return caught.value


def test_a_saved_card_is_charged_off_session(charge: Charge, attach: Attach) -> None:
    intent = charge(
        attach("pm_card_visa"),
        metadata={"order": "7"},
        expand=["latest_charge", "customer", "payment_method"],
    )
    assert intent.status == "succeeded"
    assert intent.amount_received == 1290
    assert intent.metadata["order"] == "7"
    assert isinstance(intent.latest_charge, stripe.Charge)
    assert intent.latest_charge.outcome.type == "authorized"
    assert isinstance(intent.customer, stripe.Customer)
    assert intent.customer.email == "ann@example.com"
    assert isinstance(intent.payment_method, stripe.PaymentMethod)
    assert intent.payment_method.card.last4 == "4242"


def test_latest_charge_is_an_id_unless_expanded(charge: Charge, attach: Attach) -> None:
    assert str(charge(attach("pm_card_visa")).latest_charge).startswith("ch_")


def test_an_unconfirmed_intent_moves_no_money(
    client: stripe.StripeClient, customer: stripe.Customer, attach: Attach
) -> None:
    card = attach("pm_card_visa")
    intent = client.v1.payment_intents.create(
        params={"amount": 500, "currency": "usd", "customer": customer.id, "payment_method": card}
    )
    assert intent.status == "requires_confirmation"
    assert client.v1.charges.list(params={"payment_intent": intent.id}).data == []
    confirmed = client.v1.payment_intents.confirm(intent.id, params={"off_session": True})
    assert confirmed.status == "succeeded"


def test_an_intent_succeeds_only_once(client: stripe.StripeClient, charge: Charge, attach: Attach) -> None:
    intent = charge(attach("pm_card_visa"))
    error = error_of(lambda: client.v1.payment_intents.confirm(intent.id, params={"off_session": True}))
    assert isinstance(error, stripe.InvalidRequestError)
    assert error.code == "payment_intent_unexpected_state"
    assert error.error.payment_intent.id == intent.id
    assert error.error.payment_intent.status == "succeeded"
    assert len(client.v1.charges.list(params={"payment_intent": intent.id}).data) == 1


def test_a_canceled_intent_stays_canceled(client: stripe.StripeClient, customer: stripe.Customer) -> None:
    intent = client.v1.payment_intents.create(params={"amount": 500, "currency": "usd", "customer": customer.id})
    assert intent.status == "requires_payment_method"
    canceled = client.v1.payment_intents.cancel(intent.id, params={"cancellation_reason": "abandoned"})
    assert (canceled.status, canceled.cancellation_reason) == ("canceled", "abandoned")
    for call in (
        lambda: client.v1.payment_intents.cancel(intent.id),
        lambda: client.v1.payment_intents.confirm(intent.id, params={"payment_method": "pm_card_visa"}),
        lambda: client.v1.payment_intents.update(intent.id, params={"amount": 600}),
    ):
        error = error_of(call)
        assert error.code == "payment_intent_unexpected_state"
        assert error.error.payment_intent.status == "canceled"


@pytest.mark.parametrize(
    ("alias", "code", "decline_code", "param", "advice_code"),
    [
        ("pm_card_visa_chargeDeclined", "card_declined", "generic_decline", None, "try_again_later"),
        (
            "pm_card_visa_chargeDeclinedInsufficientFunds",
            "card_declined",
            "insufficient_funds",
            None,
            "try_again_later",
        ),
        ("pm_card_visa_chargeDeclinedLostCard", "card_declined", "lost_card", None, "do_not_try_again"),
        ("pm_card_visa_chargeDeclinedStolenCard", "card_declined", "stolen_card", None, "do_not_try_again"),
        ("pm_card_chargeDeclinedFraudulent", "card_declined", "fraudulent", None, None),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", "expired_card", "exp_month", "confirm_card_data"),
        ("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc", "incorrect_cvc", "cvc", "confirm_card_data"),
        (
            "pm_card_chargeDeclinedProcessingError",
            "processing_error",
            "processing_error",
            None,
            "try_again_later",
        ),
        ("pm_card_chargeCustomerFail", "card_declined", "generic_decline", None, "try_again_later"),
    ],
)
def test_the_error_body_of_a_decline(
    client: stripe.StripeClient,
    charge: Charge,
    alias: str,
    code: str,
    decline_code: str,
    param: str | None,
    advice_code: str | None,
) -> None:
    error = error_of(lambda: charge(alias))
    assert isinstance(error, stripe.CardError)
    assert (error.http_status, error.code, error.param) == (402, code, param)
    body = error.json_body["error"]
    assert body["type"] == "card_error"
    assert body["decline_code"] == decline_code
    assert body.get("advice_code") == advice_code
    assert body["doc_url"] == f"https://docs.stripe.com/error-codes#{code.replace('_', '-')}"
    assert body["payment_intent"]["status"] == "requires_payment_method"
    assert body["payment_intent"]["last_payment_error"]["decline_code"] == decline_code
    intent = client.v1.payment_intents.retrieve(body["payment_intent"]["id"], params={"expand": ["latest_charge"]})
    assert intent.payment_method is None
    assert intent.latest_charge.status == "failed"
    assert intent.latest_charge.outcome.reason == decline_code
    paid = client.v1.payment_intents.confirm(intent.id, params={"payment_method": "pm_card_visa", "off_session": True})
    assert (paid.status, paid.last_payment_error) == ("succeeded", None)


@pytest.mark.parametrize("decline_code", sorted(cards.DECLINES))
def test_a_saved_card_exists_for_every_decline_code(charge: Charge, attach: Attach, decline_code: str) -> None:
    card = attach(f"pm_card_chargeCustomerFail_{decline_code}")
    error = error_of(lambda: charge(card))
    assert error.error.decline_code == decline_code
    assert error.error.network_advice_code == cards.DECLINES[decline_code].network_advice_code
    assert error.error.network_decline_code == cards.DECLINES[decline_code].network_decline_code


def test_a_card_that_requires_authentication_is_declined_off_session(
    client: stripe.StripeClient, charge: Charge, attach: Attach, control: httpx.Client
) -> None:
    card = attach("pm_card_authenticationRequired")
    error = error_of(lambda: charge(card))
    assert isinstance(error, stripe.CardError)
    assert (error.code, error.error.decline_code) == ("authentication_required", "authentication_required")
    intent = error.error.payment_intent
    assert intent.status == "requires_payment_method"
    present = client.v1.payment_intents.confirm(
        intent.id, params={"payment_method": card, "return_url": "https://shop.example/back"}
    )
    assert present.status == "requires_action"
    assert present.next_action.redirect_to_url.return_url == "https://shop.example/back"
    assert present.client_secret.startswith(f"{intent.id}_secret_")
    control.post(f"/sandbox/stripe/payment_intents/{intent.id}/authenticate", json={"outcome": "success"})
    assert client.v1.payment_intents.retrieve(intent.id).status == "succeeded"


def test_after_a_failed_authentication_the_intent_requires_a_payment_method(
    client: stripe.StripeClient, customer: stripe.Customer, control: httpx.Client
) -> None:
    intent = client.v1.payment_intents.create(
        params={
            "amount": 500,
            "currency": "eur",
            "customer": customer.id,
            "payment_method": "pm_card_authenticationRequired",
            "confirm": True,
            "allowed_payment_method_types": ["card"],
        }
    )
    assert intent.status == "requires_action"
    url = f"/sandbox/stripe/payment_intents/{intent.id}/authenticate"
    assert control.post(url, json={"outcome": "fail"}).json()["status"] == "requires_payment_method"
    again = client.v1.payment_intents.retrieve(intent.id)
    assert again.last_payment_error.code == "payment_intent_authentication_failure"
    assert control.post(url, json={"outcome": "success"}).status_code == 400


def test_error_on_requires_action_declines_the_payment(charge: Charge, attach: Attach) -> None:
    card = attach("pm_card_authenticationRequired")
    error = error_of(
        lambda: charge(
            card,
            off_session=False,
            error_on_requires_action=True,
            return_url="https://shop.example/",
        )
    )
    assert (error.code, error.error.decline_code) == ("authentication_required", "authentication_not_handled")


def test_a_card_that_was_set_up_is_charged_without_authentication(
    client: stripe.StripeClient, customer: stripe.Customer, charge: Charge, attach: Attach, control: httpx.Client
) -> None:
    card = attach("pm_card_authenticationRequiredOnSetup")
    assert error_of(lambda: charge(card)).code == "authentication_required"
    setup = client.v1.setup_intents.create(
        params={
            "customer": customer.id,
            "payment_method": card,
            "confirm": True,
            "allowed_payment_method_types": ["card"],
        }
    )
    assert setup.status == "requires_action"
    control.post(f"/sandbox/stripe/setup_intents/{setup.id}/authenticate").raise_for_status()
    assert client.v1.setup_intents.retrieve(setup.id).status == "succeeded"
    assert charge(card).status == "succeeded"


def test_a_card_may_be_declined_after_authentication(charge: Charge, attach: Attach, control: httpx.Client) -> None:
    assert charge(attach("pm_card_authenticationRequiredSetupForOffSession")).status == "succeeded"
    card = attach("pm_card_authenticationRequiredChargeDeclinedInsufficientFunds")
    intent = charge(card, off_session=False, return_url="https://shop.example/")
    assert intent.status == "requires_action"
    after = control.post(f"/sandbox/stripe/payment_intents/{intent.id}/authenticate").json()
    assert after["last_payment_error"]["decline_code"] == "insufficient_funds"


@pytest.mark.parametrize(
    ("params", "code", "param"),
    [
        ({"amount": 500}, "parameter_missing", "currency"),
        ({"currency": "eur"}, "parameter_missing", "amount"),
        ({"amount": 49, "currency": "eur"}, "amount_too_small", "amount"),
        ({"amount": 100_000_000, "currency": "eur"}, "amount_too_large", "amount"),
        ({"amount": "5.00", "currency": "eur"}, "parameter_invalid_integer", "amount"),
        ({"amount": 500, "currency": "xxx"}, None, "currency"),
        ({"amount": 500, "currency": "eur", "colour": "red"}, "parameter_unknown", "colour"),
        (
            {"amount": 500, "currency": "eur", "payment_method_types": ["card"]},
            "payment_method_types_no_longer_supported",
            "payment_method_types",
        ),
        ({"amount": 500, "currency": "eur", "off_session": True}, None, "off_session"),
        ({"amount": 500, "currency": "eur", "customer": "cus_nobody"}, "resource_missing", "customer"),
        ({"amount": 500, "currency": "eur", "payment_method": "pm_card_no"}, "resource_missing", "payment_method"),
        ({"amount": 500, "currency": "eur", "statement_descriptor": "SHOP"}, None, "statement_descriptor"),
        ({"amount": 500, "currency": "eur", "metadata": {"k" * 41: "v"}}, None, f"metadata[{'k' * 41}]"),
        ({"amount": 500, "currency": "eur", "metadata": {"k": "v" * 501}}, None, "metadata[k]"),
        ({"amount": 500, "currency": "eur", "metadata": {f"k{n}": "v" for n in range(51)}}, None, "metadata"),
        (
            {
                "amount": 500,
                "currency": "eur",
                "allowed_payment_method_types": ["card"],
                "automatic_payment_methods": {"enabled": True},
            },
            None,
            "automatic_payment_methods",
        ),
    ],
)
def test_invalid_parameters_are_rejected(
    client: stripe.StripeClient, params: Any, code: str | None, param: str
) -> None:
    error = error_of(lambda: client.v1.payment_intents.create(params=params))
    assert isinstance(error, stripe.InvalidRequestError)
    assert (error.code, error.param) == (code, param)
    assert client.v1.payment_intents.list().data == []


def test_zero_decimal_currencies_have_their_own_minimum(client: stripe.StripeClient) -> None:
    yen = client.v1.payment_intents.create(params={"amount": 50, "currency": "JPY"})
    assert (yen.amount, yen.currency) == (50, "jpy")
    error = error_of(lambda: client.v1.payment_intents.create(params={"amount": 49, "currency": "jpy"}))
    assert error.user_message == "Amount must be at least 50 jpy"


def test_an_on_session_payment_needs_a_return_url_unless_redirects_are_off(charge: Charge, attach: Attach) -> None:
    card = attach("pm_card_visa")
    assert "return_url" in str(error_of(lambda: charge(card, off_session=False)))
    without_redirects = {"enabled": True, "allow_redirects": "never"}
    intent = charge(card, off_session=False, automatic_payment_methods=without_redirects)
    assert intent.status == "succeeded"


def test_an_attached_card_is_charged_for_its_customer_only(
    client: stripe.StripeClient, charge: Charge, attach: Attach
) -> None:
    card = attach("pm_card_visa")
    params: Any = {"amount": 500, "currency": "eur", "payment_method": card}
    assert "must provide the customer" in str(error_of(lambda: client.v1.payment_intents.create(params=params)))
    other = client.v1.customers.create()
    error = error_of(lambda: charge(card, customer=other.id))
    assert (error.code, error.param) == ("resource_missing", "payment_method")


def test_a_card_without_a_customer_is_charged_only_once(client: stripe.StripeClient) -> None:
    card = client.v1.payment_methods.create(params={"type": "card", "card": {"token": "tok_visa"}})
    params: Any = {
        "amount": 500,
        "currency": "eur",
        "payment_method": card.id,
        "confirm": True,
        "off_session": True,
    }
    assert client.v1.payment_intents.create(params=params).status == "succeeded"
    assert "may not be used again" in str(error_of(lambda: client.v1.payment_intents.create(params=params)))


def test_setup_future_usage_saves_the_card(
    client: stripe.StripeClient, customer: stripe.Customer, charge: Charge
) -> None:
    charge("pm_card_visa", setup_future_usage="off_session")
    assert len(client.v1.payment_methods.list(params={"customer": customer.id}).data) == 1


def test_an_update_changes_only_the_given_fields(client: stripe.StripeClient, customer: stripe.Customer) -> None:
    intent = client.v1.payment_intents.create(
        params={"amount": 500, "currency": "eur", "metadata": {"a": "1", "b": "2"}}
    )
    updated = client.v1.payment_intents.update(
        intent.id, params={"amount": 700, "customer": customer.id, "metadata": {"a": "", "c": "3"}}
    )
    assert (updated.amount, updated.customer) == (700, customer.id)
    assert updated.metadata.to_dict() == {"b": "2", "c": "3"}


def test_lists_have_pages_newest_first(client: stripe.StripeClient, customer: stripe.Customer) -> None:
    made = [
        client.v1.payment_intents.create(params={"amount": 500, "currency": "eur", "customer": customer.id}).id
        for _ in range(5)
    ]
    client.v1.payment_intents.create(params={"amount": 500, "currency": "eur"})
    page = client.v1.payment_intents.list(params={"customer": customer.id, "limit": 2})
    assert ([intent.id for intent in page.data], page.has_more) == (made[:-3:-1], True)
    assert [intent.id for intent in page.auto_paging_iter()] == made[::-1]
    back = client.v1.payment_intents.list(params={"customer": customer.id, "limit": 2, "ending_before": made[1]})
    assert [intent.id for intent in back.data] == [made[3], made[2]]
    future = {"created": {"gte": page.data[0].created + 60}}
    assert client.v1.payment_intents.list(params=future).data == []
    past = {"created": {"lte": page.data[0].created + 60}}
    assert len(client.v1.payment_intents.list(params=past).data) == 6


def test_a_missing_object_is_404(client: stripe.StripeClient) -> None:
    error = error_of(lambda: client.v1.payment_intents.retrieve("pi_nothing"))
    assert (error.http_status, error.code, error.param) == (404, "resource_missing", "intent")
    assert str(error.user_message) == "No such payment_intent: 'pi_nothing'"
    assert error_of(lambda: client.v1.charges.retrieve("ch_nothing")).code == "resource_missing"


def test_concurrent_calls_create_separate_objects(client: stripe.StripeClient, charge: Charge, attach: Attach) -> None:
    card = attach("pm_card_visa")
    with ThreadPoolExecutor(32) as pool:
        intents = list(pool.map(lambda n: charge(card, key=f"key-{n}", metadata={"n": str(n)}), range(64)))
    assert {intent.status for intent in intents} == {"succeeded"}
    assert len({intent.id for intent in intents}) == 64
    listed = client.v1.payment_intents.list(params={"limit": 100}).data
    assert {intent.id for intent in listed} == {intent.id for intent in intents}
    assert len(client.v1.events.list(params={"types": ["payment_intent.succeeded"], "limit": 100}).data) == 64


def test_only_one_of_many_concurrent_confirmations_succeeds(client: stripe.StripeClient, attach: Attach) -> None:
    card = attach("pm_card_visa")
    customer = client.v1.payment_methods.retrieve(card).customer
    intent = client.v1.payment_intents.create(
        params={"amount": 500, "currency": "eur", "customer": str(customer), "payment_method": card}
    )

    def confirm(_: int) -> str:
        try:
            return client.v1.payment_intents.confirm(intent.id, params={"off_session": True}).status
        except stripe.InvalidRequestError as error:
            return str(error.code)

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(confirm, range(8)))
    assert sorted(outcomes) == ["payment_intent_unexpected_state"] * 7 + ["succeeded"]
