"""Fault rules: which requests they match, how often they hit, and each provider's error format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from integrations.sandbox import presets
from integrations.sandbox.app import create_app
from integrations.sandbox.faults import Faults, parse
from integrations.sandbox.store import Store
from tests.support.sandboxes import RunningSandbox

USERS, CONTACTS = "/dixa/v1/endusers", "/brevo/v3/contacts"


@pytest.mark.parametrize(
    ("rule", "path", "matches"),
    [
        ({}, "/v1/refunds", True),
        ({"path": "/v1/payment_intents"}, "/v1/payment_intents/pi_1/confirm", True),
        ({"path": "/v1/payment_intents/*/confirm"}, "/v1/payment_intents/pi_1/confirm", True),
        ({"path": "/v1/payment_intents/*/confirm"}, "/v1/payment_intents/pi_1", False),
        ({"method": "get"}, "/v1/refunds", False),
        ({"method": "post", "provider": "stripe"}, "/v1/refunds", True),
        ({"provider": "brevo"}, "/v1/refunds", False),
    ],
)
def test_a_rule_matches_by_provider_method_and_path(rule: dict[str, Any], path: str, matches: bool) -> None:
    fault = parse({"kind": "drop", **rule})
    assert fault.matches(provider="stripe", method="POST", path=path) is matches


def test_the_rate_is_a_share_of_requests_and_a_seed_repeats_the_choices() -> None:
    runs = []
    for _ in range(2):
        fault = parse({"kind": "drop", "rate": 0.3, "seed": 5})
        runs.append([fault.hits_now() for _ in range(1000)])
    assert runs[0] == runs[1]
    assert 250 < sum(runs[0]) < 350


def test_latencies_add_up_and_the_first_other_fault_is_used() -> None:
    store = Store(":memory:")
    faults = Faults(store)
    slow = {"kind": "latency", "min_ms": 10, "max_ms": 10}
    faults.replace([slow, slow, {"kind": "error_after_effect"}, {"kind": "drop"}])
    found = faults.for_request(provider="stripe", method="POST", path="/v1/refunds")
    assert found.latency_seconds == pytest.approx(0.02)
    assert found.names == ["latency", "error_after_effect"]
    store.close()


@pytest.mark.parametrize(
    "rule",
    [
        {"kind": "explode"},
        {"kind": "drop", "provider": "paypal"},
        {"kind": "drop", "rate": 2},
        {"kind": "drop", "rate": "often"},
        {"kind": "drop", "colour": "red"},
        {"kind": "drop", "times": -1},
        "drop",
    ],
)
def test_an_invalid_rule_is_rejected_and_changes_nothing(control: httpx.Client, rule: Any) -> None:
    control.put("/sandbox/faults", json=[{"kind": "drop", "provider": "dixa"}])
    response = control.put("/sandbox/faults", json=[rule])
    assert response.status_code == 400
    assert response.json()["message"]
    assert [rule["kind"] for rule in control.get("/sandbox/faults").json()["data"]] == ["drop"]


def test_a_rule_ends_after_its_number_of_hits(control: httpx.Client, dixa: httpx.Client) -> None:
    control.put("/sandbox/faults", json=[{"kind": "error", "status": 500, "times": 2, "provider": "dixa"}])
    assert [dixa.get(USERS).status_code for _ in range(3)] == [500, 500, 200]
    assert control.get("/sandbox/faults").json()["data"][0]["hits"] == 2
    control.delete("/sandbox/faults")
    assert control.get("/sandbox/faults").json()["data"] == []


@pytest.mark.parametrize(
    ("kind", "effect"),
    [
        ("error", False),
        ("drop", False),
        ("timeout", False),
        ("error_after_effect", True),
        ("drop_after_effect", True),
        ("timeout_after_effect", True),
        ("non_json", True),
    ],
)
@pytest.mark.parametrize("provider", ["brevo", "dixa"])
def test_a_fault_comes_before_or_after_the_effect(
    control: httpx.Client, brevo: httpx.Client, dixa: httpx.Client, provider: str, kind: str, effect: bool
) -> None:
    control.put("/sandbox/faults", json=[{"kind": kind, "seconds": 0.01, "status": 503, "times": 1}])
    client, path = (brevo, CONTACTS) if provider == "brevo" else (dixa, USERS)
    try:
        response = client.post(path, json={"email": "ann@example.com"})
    except httpx.RemoteProtocolError:
        assert kind.startswith(("drop", "timeout"))
    else:
        assert response.status_code == (200 if kind == "non_json" else 503)
        if kind == "non_json":
            assert "html" in response.headers["content-type"]
        else:
            assert set(response.json()) == ({"code", "message"} if provider == "brevo" else {"message"})
    listed = control.get("/sandbox/contacts" if provider == "brevo" else "/sandbox/endusers").json()["data"]
    assert len(listed) == int(effect)


def test_the_journal_records_requests_without_secrets(
    control: httpx.Client, dixa: httpx.Client, brevo: httpx.Client
) -> None:
    control.put("/sandbox/faults", json=[{"kind": "drop", "provider": "brevo"}])
    dixa.get(USERS, params={"email": "ann@example.com"})
    with pytest.raises(httpx.RemoteProtocolError):
        brevo.get(CONTACTS)
    first, second = control.get("/sandbox/requests").json()["data"]
    assert (first["provider"], first["method"], first["path"], first["status"]) == (
        "dixa",
        "GET",
        "/v1/endusers",
        200,
    )
    assert (second["status"], second["faults"]) == (None, ["drop"])
    assert "dixa-token" not in str(first)
    assert len(control.get("/sandbox/requests", params={"provider": "brevo"}).json()["data"]) == 1
    assert control.get("/sandbox/requests", params={"path": "/nothing"}).json()["data"] == []


def test_presets_are_switched_on_and_off(control: httpx.Client) -> None:
    control.put("/sandbox/faults", json=[{"kind": "drop", "provider": "dixa"}])
    for name in presets.PRESETS:
        rules = control.post(f"/sandbox/faults/presets/{name}").json()["data"]
        assert presets.is_on(rules, name)
        rules = control.post(f"/sandbox/faults/presets/{name}").json()["data"]
        assert not presets.is_on(rules, name)
    assert len(control.get("/sandbox/faults").json()["data"]) == 1
    assert control.post("/sandbox/faults/presets/nothing").status_code == 404


def test_reset_deletes_everything(
    sandbox: RunningSandbox, control: httpx.Client, dixa: httpx.Client, brevo: httpx.Client
) -> None:
    dixa.post(USERS, json={"email": "ann@example.com"})
    brevo.post(CONTACTS, json={"email": "ann@example.com"})
    control.put("/sandbox/faults", json=[{"kind": "drop"}])
    control.post("/sandbox/clock", json={"advance_seconds": 100})
    assert control.post("/sandbox/reset").json() == {"status": "ok"}
    for name in ("endusers", "contacts", "faults", "requests", "deliveries", "mails", "sms"):
        assert control.get(f"/sandbox/{name}").json() == {"data": []}
    assert sandbox.app.clock.offset == 0
    assert control.get("/sandbox/health").json() == {"status": "ok", "webhooks_idle": True, "faults": 0}


def test_a_moved_clock_survives_a_restart(tmp_path: Path) -> None:
    for expected in (0, 100):
        app = create_app(data=str(tmp_path / "sandbox.sqlite3"))
        assert app.clock.offset == expected
        app.clock.advance(seconds=100)
        app.close()


def test_the_control_api_rejects_invalid_calls(control: httpx.Client) -> None:
    assert control.get("/sandbox/nothing").status_code == 404
    assert control.post("/sandbox/clock", json={"advance_seconds": -1}).status_code == 400
    assert control.patch("/sandbox/config", json={"nothing": 1}).status_code == 400
    assert control.post("/sandbox/stripe/disputes", json={"charge": "ch_no"}).status_code == 404
    assert control.post("/sandbox/deliveries/99/redeliver").status_code == 404
