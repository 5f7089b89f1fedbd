"""Idempotency keys: 24 hours, replay, conflict, and what is never kept."""

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


def test_a_repeat_is_answered_from_memory(client: stripe.StripeClient, post: Post) -> None:
    first, second = post(INTENTS, INTENT), post(INTENTS, INTENT)
    assert first.status_code == second.status_code == 200
    assert first.content == second.content
    assert "Idempotent-Replayed" not in first.headers
    assert first.headers["Original-Request"] == first.headers["Request-Id"]
    assert second.headers["Idempotent-Replayed"] == "true"
    assert second.headers["Original-Request"] == first.headers["Request-Id"] != second.headers["Request-Id"]
    assert count(client) == 1


def test_a_decline_is_remembered(client: stripe.StripeClient, post: Post) -> None:
    first, second = post(INTENTS, DECLINED), post(INTENTS, DECLINED)
    assert first.status_code == second.status_code == 402
    assert first.json() == second.json()
    assert count(client) == 1


def test_an_error_after_execution_began_is_remembered(client: stripe.StripeClient, post: Post) -> None:
    made = post(INTENTS, INTENT).json()["id"]
    assert post(f"{INTENTS}/{made}/cancel", {}, key="c1").status_code == 200
    first, second = (post(f"{INTENTS}/{made}/cancel", {}, key="c2") for _ in range(2))
    assert first.status_code == second.status_code == 400
    assert second.headers["Idempotent-Replayed"] == "true"


def test_a_failed_validation_is_not_remembered(client: stripe.StripeClient, post: Post) -> None:
    assert post(INTENTS, {"amount": "500"}).status_code == 400
    assert post(INTENTS, INTENT).status_code == 200
    assert count(client) == 1


def test_a_refused_key_is_not_remembered(post: Post) -> None:
    assert post(INTENTS, INTENT, api_key="nonsense").status_code == 401
    assert post(INTENTS, INTENT).status_code == 200


@pytest.mark.parametrize(("status", "after"), [(429, 200), (503, 200)])
def test_errors_of_the_front_end_are_not_remembered(control: httpx.Client, post: Post, status: int, after: int) -> None:
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
def test_behind_a_broken_front_end_the_true_answer_is_remembered(
    client: stripe.StripeClient, control: httpx.Client, post: Post, kind: str
) -> None:
    more = {"status": 503} if kind == "error_after_effect" else {}
    control.put("/sandbox/faults", json=[{"kind": kind, "times": 1, "method": "POST", **more}])
    assert post(INTENTS, INTENT).headers.get("Idempotent-Replayed") is None
    second = post(INTENTS, INTENT)
    assert (second.status_code, second.headers["Idempotent-Replayed"]) == (200, "true")
    assert count(client) == 1


def test_a_key_belongs_to_one_request(client: stripe.StripeClient) -> None:
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


def test_keys_of_two_accounts_do_not_meet(client: stripe.StripeClient, post: Post) -> None:
    assert post(INTENTS, INTENT).json() != post(INTENTS, INTENT, api_key="sk_test_other").json()


def test_two_at_once_under_one_key(client: stripe.StripeClient, control: httpx.Client) -> None:
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


def test_a_key_is_a_new_one_after_24_hours(client: stripe.StripeClient, control: httpx.Client, post: Post) -> None:
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


def test_keys_outlive_a_restart_but_claims_do_not(own_sandbox: Callable[..., RunningSandbox], data_file: str) -> None:
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


def test_a_connection_lost_after_the_effect_is_mended_by_the_same_key(
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
