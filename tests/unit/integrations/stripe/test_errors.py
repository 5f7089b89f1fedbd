"""Stripe's responses and the resulting errors, through the real SDK and a socket."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from integrations.errors import (
    PermanentError,
    ProviderError,
    ProviderRejected,
    ProviderThrottled,
    ProviderUnavailable,
    ProviderUnclear,
    TransientError,
)
from integrations.stripe import client, errors, payment_intents

INTENT = {
    "id": "pi_1",
    "object": "payment_intent",
    "status": "succeeded",
    "amount": 1290,
    "currency": "eur",
    "latest_charge": "ch_1",
    "last_payment_error": None,
    "metadata": {"charge": "c"},
    "client_secret": "pi_1_secret_abcdef",
}


class Stub:
    """An HTTP server with one response to every request."""

    def __init__(self) -> None:
        self.status, self.body, self.headers = 200, b"{}", {}
        self.drop = False
        stub = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if stub.drop:
                    self.close_connection = True
                    return
                self.send_response(stub.status)
                for name, value in {"Content-Length": str(len(stub.body)), **stub.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(stub.body)

            do_GET = do_POST = _answer

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    def answers(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        self.status, self.headers, self.drop = status, headers or {}, False
        self.body = body if isinstance(body, bytes) else json.dumps(body).encode()

    def stop(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture(scope="module")
def running_stub() -> Iterator[Stub]:
    stub = Stub()
    yield stub
    client._client.cache_clear()
    stub.stop()


@pytest.fixture
def stub(running_stub: Stub, settings: Any) -> Stub:
    settings.STRIPE_API_BASE = running_stub.url
    return running_stub


def confirm() -> Any:
    return payment_intents.confirm(payment_intent_id="pi_1", payment_method_id="pm_1", idempotency_key="k")


def error(**fields: Any) -> dict[str, Any]:
    return {"error": {"message": "Told to nobody: jane@example.com", **fields}}


CARD = {"type": "card_error", "code": "card_declined"}
TABLE = [
    (400, error(type="invalid_request_error", code="parameter_missing", param="amount"), {}, errors.InvalidRequest),
    (404, error(type="invalid_request_error", code="resource_missing"), {}, errors.InvalidRequest),
    (400, error(type="idempotency_error"), {}, errors.IdempotencyKeyReused),
    (404, error(type="idempotency_error"), {}, errors.IdempotencyKeyReused),
    (400, error(type="invalid_request_error", code="rate_limit"), {}, ProviderThrottled),
    (400, error(type="invalid_request_error", code="payment_intent_unexpected_state"), {}, errors.IntentStateChanged),
    (429, error(type="invalid_request_error", code="rate_limit"), {}, ProviderThrottled),
    (429, error(type="invalid_request_error", code="lock_timeout"), {}, ProviderThrottled),
    (401, error(type="invalid_request_error"), {}, errors.NotAuthorized),
    (403, error(type="invalid_request_error"), {}, errors.NotAuthorized),
    (402, error(**CARD, decline_code="lost_card"), {}, errors.CardDeclined),
    (402, error(type="card_error", code="authentication_required"), {}, errors.AuthenticationRequired),
    (402, error(**CARD, decline_code="authentication_not_handled"), {}, errors.AuthenticationRequired),
    (402, error(type="invalid_request_error"), {}, errors.InvalidRequest),
    (409, error(type="idempotency_error", code="idempotency_key_in_use"), {}, errors.KeyInUse),
    (424, error(type="api_error"), {}, ProviderUnclear),
    (500, error(type="api_error"), {}, ProviderUnclear),
    (500, error(type="api_error"), {"Idempotent-Replayed": "true"}, errors.IdempotencyKeyExhausted),
    (502, b"<html>Bad Gateway</html>", {}, ProviderUnclear),
    (503, error(type="api_error"), {}, ProviderUnclear),
    (200, b"<html>Everything is fine</html>", {}, ProviderUnclear),
    (200, b"", {}, ProviderUnclear),
    (200, b"[]", {}, ProviderUnclear),
    (200, {"object": "payment_intent", "id": "pi_1"}, {}, ProviderUnclear),
    (200, b"\xff\xfe", {}, ProviderUnclear),
    (500, {"error": "a string"}, {}, ProviderUnclear),
    (400, b"{}", {}, ProviderUnclear),
    (404, b"<html>Not Found</html>", {}, ProviderUnclear),
    (402, error(), {}, ProviderUnclear),
    (302, {}, {}, ProviderUnclear),
]


@pytest.mark.parametrize(("status", "body", "headers", "expected"), TABLE)
def test_the_response_decides_the_error(
    stub: Stub, status: int, body: Any, headers: dict[str, str], expected: type[Exception]
) -> None:
    stub.answers(status, body, headers)

    with pytest.raises(ProviderError) as caught:
        confirm()

    assert type(caught.value) is expected
    assert caught.value.provider == "stripe"
    assert "jane" not in str(caught.value)


def test_errors_tell_whether_a_retry_can_help() -> None:
    for kind in (errors.NotAuthorized, errors.KeyInUse, errors.IdempotencyKeyExhausted, errors.IntentStateChanged):
        assert issubclass(kind, TransientError), kind
    for kind in (errors.InvalidRequest, errors.CardDeclined, errors.AuthenticationRequired):
        assert issubclass(kind, PermanentError), kind
    assert issubclass(errors.NotAuthorized, ProviderUnavailable), "it certainly had no effect"
    assert not issubclass(errors.KeyInUse, ProviderUnavailable), "the other request may have its effect yet"


def test_a_decline_carries_its_codes_and_its_intent(stub: Stub) -> None:
    codes = {"decline_code": "lost_card", "advice_code": "do_not_try_again", "network_advice_code": "03"}
    intent = {**INTENT, "status": "requires_payment_method"}
    stub.answers(402, error(**CARD, **codes, network_decline_code="41", charge="ch_9", payment_intent=intent))

    with pytest.raises(errors.CardDeclined) as declined:
        confirm()

    decline = declined.value.decline
    assert (decline.code, decline.decline_code, decline.advice_code) == (
        "card_declined",
        "lost_card",
        "do_not_try_again",
    )
    assert (decline.network_advice_code, decline.network_decline_code, decline.stripe_charge_id) == ("03", "41", "ch_9")
    assert declined.value.intent is not None
    assert (declined.value.intent.id, declined.value.intent.status) == ("pi_1", "requires_payment_method")


def test_an_error_holds_no_client_secret(stub: Stub) -> None:
    stub.answers(200, INTENT)
    assert "secret" not in repr(confirm())

    stub.answers(402, error(**CARD, payment_intent=INTENT))
    with pytest.raises(errors.CardDeclined) as declined:
        confirm()
    assert declined.value.__cause__ is None, "the SDK's exception holds the whole answer"
    assert "secret" not in repr(declined.value.intent)


@pytest.mark.parametrize(
    ("text", "seconds"), [("30", 30.0), ("0.5", 0.5), ("", None), ("soon", None), ("-1", None), ("nan", None)]
)
def test_retry_after(stub: Stub, text: str, seconds: float | None) -> None:
    stub.answers(429, error(type="invalid_request_error", code="rate_limit"), {"Retry-After": text})

    with pytest.raises(ProviderThrottled) as throttled:
        confirm()

    assert throttled.value.retry_after == seconds


def test_a_refused_connection_had_no_effect(settings: Any) -> None:
    settings.STRIPE_API_BASE = "http://127.0.0.1:9"
    with pytest.raises(ProviderUnavailable):
        confirm()


def test_a_name_that_does_not_resolve_had_no_effect(settings: Any) -> None:
    settings.STRIPE_API_BASE = "http://stripe.invalid"
    with pytest.raises(ProviderUnavailable):
        confirm()


def test_a_dropped_connection_is_unclear(stub: Stub) -> None:
    stub.answers(200, INTENT)
    stub.drop = True
    with pytest.raises(ProviderUnclear):
        confirm()


@hypothesis_settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    status=st.sampled_from([200, 201, 204, 400, 402, 404, 409, 418, 424, 429, 500, 503]),
    body=st.one_of(
        st.binary(max_size=40),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=8),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.sampled_from(["error", "type", "code", "id", "status"]), inner, max_size=3)
            ),
            max_leaves=8,
        ),
    ),
)
@example(status=400, body={"error": {"type": True}})
def test_every_response_becomes_an_error_of_the_project(stub: Stub, status: int, body: Any) -> None:
    stub.answers(status, b"" if status == 204 else body)

    with pytest.raises(ProviderError) as caught:
        confirm()

    # Only a body with an error type is a rejection. Any other response may have had an effect.
    error = body.get("error") if isinstance(body, dict) else None
    has_type = isinstance(error, dict) and isinstance(error.get("type"), str)
    assert not isinstance(caught.value, ProviderRejected) or (status in (400, 402, 404) and has_type)
    assert caught.value.provider == "stripe"
