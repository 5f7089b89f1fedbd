"""Idempotency keys: stored responses, conflicts, expiry, and responses that are not stored."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
import stripe

from tests.support.processes import wait_for
from tests.support.sandboxes import STRIPE_KEY, RunningSandbox

Post = Callable[..., httpx.Response]
INTENTS = "/stripe/v1/payment_intents"
INTENT = {"amount": "500", "currency": "eur"}
DECLINED = {
    **INTENT,
    "payment_method": "pm_card_visa_chargeDeclined",
    "confirm": "true",
    "off_session": "true",
}


@pytest.fixture
def post(control: httpx.Client) -> Post:
    def post(path: str, data: dict[str, str], *, key: str | None = "k", api_key: str = STRIPE_KEY) -> httpx.Response:
        headers = {"Authorization": f"Bearer {api_key}"} | ({"Idempotency-Key": key} if key else {})
        return control.post(path, data=data, headers=headers)

    return post


def count(client: stripe.StripeClient) -> int:
    return len(client.v1.payment_intents.list(params={"limit": 100}).data)


def test_a_repeated_request_gets_the_stored_response(client: stripe.StripeClient, post: Post) -> None:
    first, second = post(INTENTS, INTENT), post(INTENTS, INTENT)
    assert first.status_code == second.status_code == 200
    assert first.content == second.content
    assert "Idempotent-Replayed" not in first.headers
    assert first.headers["Original-Request"] == first.headers["Request-Id"]
    assert second.headers["Idempotent-Replayed"] == "true"
    assert second.headers["Original-Request"] == first.headers["Request-Id"] != second.headers["Request-Id"]
    assert count(client) == 1


def test_a_decline_is_stored(client: stripe.StripeClient, post: Post) -> None:
    first, second = post(INTENTS, DECLINED), post(INTENTS, DECLINED)
    assert first.status_code == second.status_code == 402
    assert first.json() == second.json()
    assert count(client) == 1


def test_an_error_after_execution_began_is_stored(client: stripe.StripeClient, post: Post) -> None:
    made = post(INTENTS, INTENT).json()["id"]
    assert post(f"{INTENTS}/{made}/cancel", {}, key="c1").status_code == 200
    first, second = (post(f"{INTENTS}/{made}/cancel", {}, key="c2") for _ in range(2))
    assert first.status_code == second.status_code == 400
    assert second.headers["Idempotent-Replayed"] == "true"


def test_a_validation_error_is_not_stored(client: stripe.StripeClient, post: Post) -> None:
    assert post(INTENTS, {"amount": "500"}).status_code == 400
    assert post(INTENTS, INTENT).status_code == 200
    assert count(client) == 1


def test_an_invalid_api_key_is_not_stored(post: Post) -> None:
    assert post(INTENTS, INTENT, api_key="nonsense").status_code == 401
    assert post(INTENTS, INTENT).status_code == 200


@pytest.mark.parametrize(("status", "after"), [(429, 200), (503, 200)])
def test_errors_of_the_front_end_are_not_stored(control: httpx.Client, post: Post, status: int, after: int) -> None:
    control.put("/sandbox/faults", json=[{"kind": "error", "status": status, "times": 1}])
    assert post(INTENTS, INTENT).status_code == status
    assert post(INTENTS, INTENT).status_code == after


def test_a_500_after_the_effect_is_remembered_and_the_effect_stands(
    client: stripe.StripeClient, control: httpx.Client, post: Post
) -> None:
    fault = {"kind": "error_after_effect", "status": 500, "times": 1, "path": "/v1/payment_intents"}
    control.put("/sandbox/faults", json=[fault])
    first, second = post(INTENTS, INTENT), post(INTENTS, INTENT)
    assert first.status_code == second.status_code == 500
    assert second.headers["Idempotent-Replayed"] == "true"
    assert second.json()["error"]["type"] == "api_error"
    assert count(client) == 1


@pytest.mark.parametrize("kind", ["error_after_effect", "non_json"])
def test_the_true_response_is_stored_behind_a_failing_front_end(
    client: stripe.StripeClient, control: httpx.Client, post: Post, kind: str
) -> None:
    more = {"status": 503} if kind == "error_after_effect" else {}
    control.put("/sandbox/faults", json=[{"kind": kind, "times": 1, "method": "POST", **more}])
    assert post(INTENTS, INTENT).headers.get("Idempotent-Replayed") is None
    second = post(INTENTS, INTENT)
    assert (second.status_code, second.headers["Idempotent-Replayed"]) == (200, "true")
    assert count(client) == 1


def test_a_key_with_another_request_is_an_idempotency_error(client: stripe.StripeClient) -> None:
    options: Any = {"idempotency_key": "k"}
    client.v1.payment_intents.create(params={"amount": 500, "currency": "eur"}, options=options)
    with pytest.raises(stripe.IdempotencyError) as caught:
        client.v1.payment_intents.create(params={"amount": 600, "currency": "eur"}, options=options)
    error = caught.value
    assert (error.http_status, error.error.type) == (400, "idempotency_error")
    assert error.code is None
    assert set(error.json_body["error"]) == {"type", "message"}
    with pytest.raises(stripe.IdempotencyError):
        client.v1.customers.create(params={"email": "a@example.com"}, options=options)
    assert count(client) == 1


def test_two_accounts_may_use_the_same_key(client: stripe.StripeClient, post: Post) -> None:
    assert post(INTENTS, INTENT).json() != post(INTENTS, INTENT, api_key="sk_test_other").json()


def test_the_second_of_two_concurrent_requests_with_one_key_is_a_409(
    client: stripe.StripeClient, control: httpx.Client
) -> None:
    slow = {"kind": "latency", "min_ms": 400, "max_ms": 400, "method": "POST", "times": 2}
    control.put("/sandbox/faults", json=[slow])

    def create(_: int) -> Any:
        try:
            return client.v1.payment_intents.create(
                params={"amount": 500, "currency": "eur"}, options={"idempotency_key": "k"}
            )
        except stripe.StripeError as error:
            return error

    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(create, range(2)))
    (error,) = [outcome for outcome in outcomes if isinstance(outcome, stripe.StripeError)]
    assert type(error) is stripe.APIError
    assert (error.http_status, error.error.code) == (409, "idempotency_key_in_use")
    (made,) = [outcome for outcome in outcomes if not isinstance(outcome, stripe.StripeError)]
    assert create(0).id == made.id
    assert count(client) == 1


def test_a_key_expires_after_24_hours(client: stripe.StripeClient, control: httpx.Client, post: Post) -> None:
    first = post(INTENTS, INTENT).json()["id"]
    control.post("/sandbox/clock", json={"advance_seconds": 24 * 3600 - 5})
    assert post(INTENTS, INTENT).json()["id"] == first
    control.post("/sandbox/clock", json={"advance_seconds": 10})
    assert post(INTENTS, INTENT).json()["id"] != first
    assert count(client) == 2


def test_a_key_has_at_most_255_characters(post: Post) -> None:
    assert post(INTENTS, INTENT, key="k" * 255).status_code == 200
    assert post(INTENTS, INTENT, key="k" * 256).status_code == 400


def test_keys_are_ignored_on_reads(control: httpx.Client) -> None:
    headers = {"Authorization": f"Bearer {STRIPE_KEY}", "Idempotency-Key": "k"}
    for _ in range(2):
        assert "Idempotent-Replayed" not in control.get(INTENTS, headers=headers).headers


def test_stored_responses_survive_a_restart_and_claims_do_not(
    own_sandbox: Callable[..., RunningSandbox], data_file: str
) -> None:
    headers = {"Authorization": f"Bearer {STRIPE_KEY}", "Idempotency-Key": "k"}
    first = own_sandbox(data=data_file)
    made = first.client().post(INTENTS, data=INTENT, headers=headers).json()["id"]
    first.app.store.execute(
        "INSERT INTO idempotency (scope, key, fingerprint, request_id, created) VALUES (?, 'c', '', '', 0)",
        (STRIPE_KEY,),
    )
    second = own_sandbox(data=data_file)
    replay = second.client().post(INTENTS, data=INTENT, headers=headers)
    assert (replay.json()["id"], replay.headers["Idempotent-Replayed"]) == (made, "true")
    claimed = second.client().post(INTENTS, data=INTENT, headers=headers | {"Idempotency-Key": "c"})
    assert claimed.status_code == 200


def test_after_a_lost_response_the_same_key_returns_the_same_intent(
    sandbox: RunningSandbox, client: stripe.StripeClient, control: httpx.Client
) -> None:
    control.put("/sandbox/faults", json=[{"kind": "drop_after_effect", "method": "POST", "times": 1}])
    params: Any = {"amount": 500, "currency": "eur"}
    options: Any = {"idempotency_key": "k"}
    with pytest.raises(stripe.APIConnectionError) as caught:
        client.v1.payment_intents.create(params=params, options=options)
    assert caught.value.http_status is None
    wait_for(lambda: sandbox.app.journal.entries(provider="stripe"))
    again = client.v1.payment_intents.create(params=params, options=options)
    assert [intent.id for intent in client.v1.payment_intents.list().data] == [again.id]
