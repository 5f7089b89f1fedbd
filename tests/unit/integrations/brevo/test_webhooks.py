from __future__ import annotations

import json

import pytest

from integrations.brevo.webhooks import EventSource, Kind, events_in, interpret, is_authorized


@pytest.mark.parametrize(
    ("header", "allowed"),
    [
        ("Bearer secret", True),
        ("bearer secret", True),
        ("Bearer  secret ", True),
        ("Bearer secre", False),
        ("Bearer secrett", False),
        ("Bearer ", False),
        ("Bearer", False),
        ("", False),
        ("secret", False),
        ("Basic secret", False),
        ("Bearer \ud800", False),
    ],
)
def test_only_the_configured_token_is_authorized(header, allowed):
    assert is_authorized(header=header, token="secret") is allowed


def test_an_empty_token_authorizes_no_request():
    assert not is_authorized(header="Bearer ", token="")


@pytest.mark.parametrize(
    "name", ["message-id", "event", "email", "ts_epoch", "ts_event", "camp_id", "messageId", "msg_status", "to", "link"]
)
def test_events_with_different_identifying_fields_have_different_ids(name):
    base = {"message-id": "<m>", "event": "click", "email": "a", "ts_epoch": 1, "ts_event": 1}
    [one, other] = events_in(json.dumps([base, {**base, name: "other"}]).encode())
    assert one.event_id != other.event_id


def test_other_fields_do_not_change_the_id():
    body = (
        b'[{"message-id": "m", "event": "e", "ts": 1}, {"event": "e", "message-id": "m", "ts": 2, "sending_ip": "x"}]'
    )
    [one, other] = events_in(body)
    assert one.event_id == other.event_id


def test_without_identifying_fields_the_whole_event_makes_the_id():
    one, other, same = events_in(b'[{"a": 1}, {"a": 2}, {"a": 1}]')
    assert one.event_id == same.event_id != other.event_id


def test_events_of_mail_marketing_and_sms_are_read():
    email = interpret({"event": "hard_bounce", "email": "a@b.c", "message-id": "<m>", "X-Mailin-custom": "c"})
    assert (email.source, email.kind, email.address) == (EventSource.EMAIL, Kind.HARD_BOUNCE, "a@b.c")
    assert (email.message_id, email.custom_ids) == ("<m>", ("c",))

    marketing = interpret({"event": "unsubscribe", "email": "a@b.c", "camp_id": 5, "campaign name": "Autumn"})
    assert (marketing.source, marketing.kind) == (EventSource.MARKETING, Kind.UNSUBSCRIBED)

    sms = interpret({"msg_status": "delivered", "to": "+49 170", "messageId": 12, "tag": '["a", "b"]'})
    assert (sms.source, sms.kind, sms.address) == (EventSource.SMS, Kind.DELIVERED, "49170")
    assert (sms.message_id, sms.custom_ids) == ("12", ("a", "b"))


@pytest.mark.parametrize("event", ["unsubscribe", "unsubscribed"])
def test_both_spellings_are_understood(event):
    assert interpret({"event": event}).kind == Kind.UNSUBSCRIBED


@pytest.mark.parametrize("payload", [{}, {"event": None}, {"event": []}, {"msg_status": {}}, {"event": "new in 2030"}])
def test_unknown_events_are_of_kind_other(payload):
    assert interpret(payload).kind == Kind.OTHER


def test_a_deeply_nested_body_is_rejected():
    from integrations.brevo.webhooks import MalformedBody

    deep = b'{"a":' * 200 + b"1" + b"}" * 200
    with pytest.raises(MalformedBody):
        events_in(deep)
