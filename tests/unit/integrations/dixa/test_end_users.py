from __future__ import annotations

import contextlib
import dataclasses
import time
from uuid import uuid4

import pytest

from integrations.dixa import end_users
from integrations.dixa.end_users import EndUser
from integrations.errors import ProviderError
from integrations.http import RequestRejected


def end_user(**fields) -> EndUser:
    usual = {
        "customer_id": uuid4(),
        "email": "ann@example.com",
        "display_name": "Ann Lee",
        "first_name": "Ann",
        "last_name": "Lee",
        "phone": "+4915112345678",
    }
    return EndUser(**{**usual, **fields})


def test_an_end_user_created_after_the_search_is_found(brevo_sandbox, monkeypatch):
    ann = end_user()
    first = end_users._first
    looks = []

    def blind_at_first(name, value, deadline):
        looks.append(name)
        if len(looks) == 2:
            end_users.client().request("POST", "/endusers", json={"email": ann.email})
            return ""
        return first(name, value, deadline)

    monkeypatch.setattr(end_users, "_first", blind_at_first)
    upserted = end_users.upsert_end_user(end_user=ann, known_id="")

    [user] = brevo_sandbox.records("endusers")
    assert (user["id"], user["externalId"]) == (upserted.end_user_id, str(ann.customer_id))
    assert looks == ["externalId", "email", "externalId", "email"]


def test_our_id_wins_over_the_address(brevo_sandbox):
    ann = end_user(phone="")
    ours = end_users.upsert_end_user(end_user=ann, known_id="").end_user_id
    end_users.client().request("PATCH", f"/endusers/{ours}", json={"email": "old@example.com"})

    assert end_users.upsert_end_user(end_user=ann, known_id="").end_user_id == ours
    assert [user["email"] for user in brevo_sandbox.records("endusers")] == ["ann@example.com"]


def test_an_address_of_another_end_user_is_rejected_without_naming_it(brevo_sandbox):
    ann, bob = end_user(phone=""), end_user(phone="", email="bob@example.com")
    known = end_users.upsert_end_user(end_user=ann, known_id="").end_user_id
    end_users.upsert_end_user(end_user=bob, known_id="")

    with pytest.raises(RequestRejected) as caught:
        end_users.upsert_end_user(
            end_user=end_user(customer_id=ann.customer_id, email="bob@example.com", phone=""), known_id=known
        )

    assert "bob" not in str(caught.value)
    assert len(brevo_sandbox.records("endusers")) == 2


def test_invalid_data_is_rejected_at_once(brevo_sandbox):
    with pytest.raises(RequestRejected):
        end_users.upsert_end_user(end_user=end_user(phone="12"), known_id="")
    assert len([call for call in brevo_sandbox.calls("dixa") if call[0] == "POST"]) == 1


@pytest.mark.parametrize("prefix", ["", "Bearer "])
def test_the_token_has_the_configured_prefix(prefix, brevo_sandbox, settings, monkeypatch):
    settings.DIXA_AUTHORIZATION_PREFIX = prefix
    settings.DIXA_API_TOKEN = "token"
    monkeypatch.setattr(
        brevo_sandbox.app, "config", dataclasses.replace(brevo_sandbox.app.config, dixa_api_token=f"{prefix}token")
    )
    assert end_users.upsert_end_user(end_user=end_user(), known_id="").end_user_id


@pytest.mark.parametrize(("seconds", "is_done"), [(0.3, False), (5.0, True)])
def test_all_calls_of_one_end_user_share_one_deadline(brevo_sandbox, monkeypatch, seconds, is_done):
    monkeypatch.setattr(end_users, "UPSERT_SECONDS", seconds)
    brevo_sandbox.faults({"provider": "dixa", "kind": "latency", "min_ms": 200, "max_ms": 200})
    began = time.monotonic()
    with contextlib.nullcontext() if is_done else pytest.raises(ProviderError):
        end_users.upsert_end_user(end_user=end_user(), known_id="")
    assert (time.monotonic() - began > 0.38) is is_done, "at least two calls of 0.2 seconds each"
    brevo_sandbox.faults()
