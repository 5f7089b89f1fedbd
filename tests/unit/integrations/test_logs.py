from __future__ import annotations

import datetime as dt
import json
import logging
import time
import uuid
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from integrations import logs


def line(message: str, *arguments: Any, exc_info: Any = None, **extra: Any) -> dict[str, Any]:
    """The line that is written for this record."""
    record = logging.LogRecord("shop", logging.INFO, "file", 1, message, arguments, exc_info)
    record.__dict__.update(extra)
    logs.ContextFilter().filter(record)
    return json.loads(logs.JsonFormatter().format(record))


@pytest.fixture(autouse=True)
def no_context() -> Any:
    logs.clear()
    yield
    logs.clear()


def test_a_line_is_json_with_the_ids_of_its_request() -> None:
    logs.bind(request_id="r-1", order_number="7K3M9-Q2XAB")
    logged = line("placed")
    assert logged["message"] == "placed"
    assert (logged["request_id"], logged["order_number"], logged["level"]) == ("r-1", "7K3M9-Q2XAB", "INFO")


def test_a_task_has_the_ids_of_its_request_and_event() -> None:
    logs.bind(request_id="of another task")
    logs.bind_task(
        task_id="t-1",
        task_name="charges.capture_payment",
        headers={"request_id": "r-1", "event": "OrderPlaced"},
        kwargs={"order_id": "o-1", "order_number": "7K3M9-Q2XAB", "note": "not an id"},
    )
    logged = line("working")
    expected = {"task_id": "t-1", "request_id": "r-1", "event": "OrderPlaced", "order_number": "7K3M9-Q2XAB"}
    assert {**expected, "order_id": "o-1"}.items() <= logged.items()
    assert "note" not in logged


# Texts, and the part that must be redacted.
SECRETS = [
    ("sk_live_abcdefghijklmnop", "abcdefghijklmnop"),
    ("rk_test_abcdefghijklmnop", "abcdefghijklmnop"),
    ("whsec_abcdefghijklmnop", "abcdefghijklmnop"),
    ("xkeysib-0123456789abcdef", "0123456789abcdef"),
    ("pi_3Abc_secret_XyZ123", "XyZ123"),
    ("ada.lovelace+shop@example.co.uk", "lovelace"),
    ("o'brien@example.com", "brien"),
    ("zoë@example.com", "zo"),
    ("lovelace@straße.de", "lovelace"),
    ("lovelace@ꭰꭱꭲ.de", "lovelace"),
    ("lovelace@उदाहरण.भारत", "lovelace"),
    ("lovelace@例え。jp", "lovelace"),
    ("lovelace@stra\\u00dfe.de", "lovelace"),
    ("https://api.brevo.com/v3/contacts/ada%2Blovelace%40example.com", "lovelace"),
    ("+4915112345678", "15112345678"),
    ("+49 151 1234 5678", "1234"),
    ("+49 (0)151/1234-5678", "1234"),
    ("+1.212.555.0100", "555"),
    ("%2B4915112345678", "15112345678"),
    ("postgresql://shop:hunter2@db.internal/shop", "hunter2"),
    ("sqs://key:hunter2@", "hunter2"),
    ("Authorization: Bearer abc.def.ghi", "abc"),
    ("Authorization: Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
    ("authorization: AWS4-HMAC-SHA256 Credential=AKIA/x, Signature=abc123", "abc123"),
    ("HTTP_AUTHORIZATION=Token topsecret123", "topsecret123"),
    ("Bearer topsecret123", "topsecret123"),
    ("Cookie: csrftoken=hunter2; sessionid=topsecret123", "topsecret123"),
    ("Stripe-Signature: t=1790000000,v1=abc123,v0=def", "abc123"),
    ("password=hunter2", "hunter2"),
    ("password : hunter2", "hunter2"),
    ("api-key: brevo-1234", "brevo-1234"),
    ("sessionid=topsecret123", "topsecret123"),
    ("AWS_SECRET_ACCESS_KEY=abc/def+ghi", "def"),
    ("client_secret=topsecret123&amount=1290", "topsecret123"),
    ("bad token: api-key: brevo-1234", "brevo-1234"),
    ("https://shop.example/api/v1/orders/status/0199:abcdefg/", "0199:abcdefg"),
    ("https://shop.example/pay/0199:1790000000:abcdefg/", "0199:1790000000:abcdefg"),
]
QUOTED_SECRETS = [
    ('{"Authorization": "Bearer topsecret123"}', "topsecret123"),
    ("{'Authorization': 'Bearer topsecret123'}", "topsecret123"),
    ('{"api-key": "brevo-1234"}', "brevo-1234"),
    ('{\\"api-key\\": \\"brevo-1234\\"}', "brevo-1234"),
    ("[(b'Authorization', b'Basic dXNlcjpwYXNz')]", "dXNlcjpwYXNz"),
    ("[['x-api-key', 'brevo-1234']]", "brevo-1234"),
    ("<QueryDict: {'password': ['hunter2']}>", "hunter2"),
    ("Client(api_key='brevo-1234')", "brevo-1234"),
    ('password="correct horse"', "horse"),
    ('{"password": "correct\\"horse"}', "horse"),
    ('{"password": "correct horse', "horse"),
]
SURROUNDINGS = ["%s", "there: %s here", "x\n%s\ny", "x\r\n%s", "x\t%s", '"%s"', "'%s'", "x\\n%s", "é%s", "_%s", "(%s)"]


def failure(text: str) -> Any:
    """The ``exc_info`` of an error with this text."""
    try:
        raise ValueError(text)
    except ValueError as error:
        return type(error), error, error.__traceback__


def record_with(text: str, place: str) -> logging.LogRecord:
    record = logging.LogRecord("shop", logging.INFO, "file", 1, "said", (), None)
    extras: dict[str, dict[str, Any]] = {
        "message": {"msg": "%s", "args": (text,)},
        "exc_info": {"exc_info": failure(text)},
        "exc_text": {"exc_text": text},
        "stack_info": {"stack_info": text},
        "extra": {"answer": text},
        "nested extra": {"answer": {"headers": [{"one": (text,)}]}},
        "key": {"answer": {text: 1}},
        "bytes": {"answer": text.encode(errors="surrogatepass")},
        "object": {"answer": RuntimeError(text)},
        "dictionary": {"msg": {"answer": text}},
    }
    record.__dict__.update(extras[place])
    record.created = 0.0  # the time of day has digits that might be taken for a secret's
    return record


PLACES = [
    *["message", "exc_info", "exc_text", "stack_info"],
    *["extra", "nested extra", "key", "bytes", "object", "dictionary"],
]


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, of_key in value.items():
            yield key
            yield from strings(of_key)
    elif isinstance(value, list):
        for one in value:
            yield from strings(one)
    elif isinstance(value, str):
        yield value


def written(record: logging.LogRecord) -> str:
    """All strings of the line, after decoding its JSON. It also checks that the line is valid."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    text = logs.JsonFormatter().format(record)
    assert len(text.splitlines()) == 1
    logged = json.loads(text, parse_constant=refuse)
    assert isinstance(logged, dict)
    return "\0".join(strings(logged))


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(("text", "secret"), SECRETS)
def test_a_secret_is_redacted_in_any_place(text: str, secret: str, place: str) -> None:
    for surrounding in SURROUNDINGS:
        assert secret not in written(record_with(surrounding.replace("%s", text), place)), surrounding


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(("text", "secret"), QUOTED_SECRETS)
def test_a_quoted_secret_is_redacted(text: str, secret: str, place: str) -> None:
    assert secret not in written(record_with(f"headers {text}", place))


@pytest.mark.parametrize(
    "name", ["password", "Authorization", "api_key", "Set-Cookie", "csrfmiddlewaretoken", "AWS_SECRET_ACCESS_KEY"]
)
def test_the_value_of_an_extra_with_a_secrets_name_is_redacted(name: str) -> None:
    for extra in ({name: "hunter2"}, {"answer": {name: "hunter2"}}, {"answer": [{name: ["hunter2", "x"]}]}):
        record = logging.LogRecord("shop", logging.INFO, "file", 1, "said", (), None)
        record.__dict__.update(extra)
        assert "hunter2" not in written(record)


def test_the_token_after_a_registered_path_is_redacted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_token_paths", {})
    text = 'GET /invite/0199:abc/ and "/invite/0199:def" but /invites/1/'
    assert logs.redacted(text) == text
    logs.register_token_path("/invite/")
    assert logs.redacted(text) == 'GET /invite/[token]/ and "/invite/[token]" but /invites/1/'


def test_the_rest_of_a_header_dump_stays() -> None:
    dump = "POST /v1/payment_intents\nAuthorization: Bearer abcdef123\nIdempotency-Key: dunning-1\nContent-Length: 120"
    assert logs.redacted(dump) == dump.replace("Bearer abcdef123", "[secret]")
    text = '{"Authorization": "Bearer abcdef123", "order_number": "7K3M9-Q2XAB"}'
    assert logs.redacted(text) == text.replace("Bearer abcdef123", "[secret]")


@pytest.mark.parametrize(
    "text",
    [
        "order 7K3M9-Q2XAB",
        "0199c0de-3606-7c06-8bf6-4149a5015515",
        "pi_3AbcDefGhiJkl ch_3AbcDefGhiJkl re_3AbcDefGhiJkl evt_3AbcDefGhiJkl cus_AbcDef pm_1AbcDefGhi du_1AbcDefGhi",
        "2026-11-23T20:36:54+00:00 2026-11-23T20:36:54.123456+02:00 Mon, 23 Nov 2026 20:36:54 +0200 (1790000000)",
        "1290 EUR, 12.90 €, +12.90, -1290, 1,234,567.89",
        "took 12.5 ms, 0.000123 s, +1.5 s, again in 60.0 s",
        "Task orders.fulfil_order[0199c0de-3606-7c06-8bf6-4149a5015515] succeeded in 0.012345678s: None",
        "task_id=0199c0de request_id=r-1 idempotency_key=dunning-3 attempt 2 of 8",
        "https://api.stripe.com/v1/payment_intents/pi_3AbcDef/capture?limit=100",
        "The key dunning-1 is spent.",
        "OrdersQueue: SQS does not answer; polls back off: timed out",
        'File "/srv/shop/orders/api.py", line 107, in post\n    @transaction.atomic',
        'IntegrityError: duplicate key value violates unique constraint "one_live_message"',
    ],
)
def test_useful_text_is_not_redacted(text: str) -> None:
    assert logs.redacted(text) == text


def test_extras_keep_their_types() -> None:
    at = dt.datetime(2026, 11, 23, 20, 36, 54, tzinfo=dt.UTC)
    number = uuid.UUID("0199c0de-3606-7c06-8bf6-4149a5015515")
    # Bytes as their text: in base64 a secret is nothing that could be found.
    plain = {"amount": 1290, "ms": 12.5, "done": True, "none": None}
    logged = line("said", **plain, due=at, id=number, price=Decimal("12.90"), steps=(1, 2), body=b"\xffseven")
    expected = {"due": "2026-11-23T20:36:54+00:00", "id": str(number), "price": "12.90", "steps": [1, 2]}
    expected["body"] = "\\xffseven"
    assert {**plain, **expected}.items() <= logged.items()


@given(text=st.text(), place=st.sampled_from(PLACES))
@example(text="x\u2028y\x85z\x0bw", place="message")
@example(text="\ud800", place="key")
def test_any_text_gives_one_line_of_json(text: str, place: str) -> None:
    written(record_with(text, place))


EXTRAS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.datetimes() | st.uuids(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers() | st.tuples(st.text()), inner),
    max_leaves=8,
)


@given(EXTRAS)
@example([float("nan"), {"least": -float("inf")}])
def test_any_extra_gives_one_line_of_json(value: Any) -> None:
    record = logging.LogRecord("shop", logging.INFO, "file", 1, "said", (), None)
    record.answer = value
    written(record)


# Any text, including the characters by which secrets are recognized.
SURROUNDING = st.text() | st.text(alphabet="ab0149%+@.:=&;,_-/\\\"'()[]{} \t\r\n")


@given(secret=st.sampled_from(SECRETS), before=SURROUNDING, after=SURROUNDING, place=st.sampled_from(PLACES))
def test_a_secret_is_redacted_in_any_text(secret: tuple[str, str], before: str, after: str, place: str) -> None:
    text, hidden = secret
    assume(hidden not in before and hidden not in after)
    assert hidden not in written(record_with(before + text + after, place))


LONG = 100_000


@pytest.mark.parametrize(
    "part",
    [
        *["a", "é", "%", "+1", "://", "\\", "'", "('", "a.", "%a", "a@", "%40"],
        *["token", "token ", "token:", 'token="\\', "token\\", "authorization:", "password=password", "[(b'token"],
        *["pi_", "pi_a_secret_", "sk_live_", "/pay/", "bearer ", "a@b.", "a@\\u0041", "GET /x 200 7K3M9-Q2XAB\n"],
    ],
)
def test_a_long_message_is_redacted_in_linear_time(part: str) -> None:
    """A pattern that reads the same text repeatedly would take minutes."""
    for text in (part * (LONG // len(part)), "token:x@" + part * (LONG // len(part))):
        began = time.process_time()
        logs.redacted(text)
        assert time.process_time() - began < 2
