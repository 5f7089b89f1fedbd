"""Dixa's API: end users, duplicates, custom attributes, anonymization, and rate limits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.support.sandboxes import RunningSandbox

USERS = "/dixa/v1/endusers"
ANN: dict[str, Any] = {
    "displayName": "Ann Lee",
    "email": "ann@example.com",
    "phoneNumber": "+4917012345678",
    "externalId": "7",
}


@pytest.fixture
def ann(dixa: httpx.Client) -> str:
    response = dixa.post(USERS, json=ANN)
    assert response.status_code == 201
    return str(response.json()["data"]["id"])


@pytest.mark.parametrize("query", [{"email": "Ann@example.com"}, {"phone": "+4917012345678"}, {"externalId": "7"}])
def test_an_end_user_is_found_by_one_filter(dixa: httpx.Client, ann: str, query: dict[str, str]) -> None:
    (found,) = dixa.get(USERS, params=query).json()["data"]
    assert found["id"] == ann
    assert "customAttributes" not in found
    assert dixa.get(USERS, params={"externalId": "8"}).json()["data"] == []


def test_two_filters_are_rejected(dixa: httpx.Client, ann: str) -> None:
    response = dixa.get(USERS, params={"email": "ann@example.com", "externalId": "7"})
    assert response.status_code == 400
    assert set(response.json()) == {"message"}


@pytest.mark.parametrize("name", ["email", "phoneNumber"])
def test_a_duplicate_is_rejected_with_a_message(dixa: httpx.Client, ann: str, name: str) -> None:
    response = dixa.post(USERS, json={"displayName": "Other", name: ANN[name]})
    assert response.status_code == 400
    assert "exists" in response.json()["message"]
    other = dixa.post(USERS, json={"displayName": "Other"}).json()["data"]["id"]
    assert dixa.patch(f"{USERS}/{other}", json={name: ANN[name]}).status_code == 400
    assert dixa.patch(f"{USERS}/{ann}", json={name: ANN[name]}).status_code == 200


def test_two_end_users_may_have_the_same_external_id(dixa: httpx.Client, ann: str) -> None:
    assert dixa.post(USERS, json={"externalId": "7"}).status_code == 201
    assert len(dixa.get(USERS, params={"externalId": "7"}).json()["data"]) == 2


def test_patch_keeps_the_other_fields_and_put_clears_them(dixa: httpx.Client, ann: str) -> None:
    patched = dixa.patch(f"{USERS}/{ann}", json={"firstName": "Ann"}).json()["data"]
    assert (patched["firstName"], patched["email"]) == ("Ann", "ann@example.com")
    assert dixa.put(f"{USERS}/{ann}", json={"email": "ann@example.com"}).status_code == 400
    replaced = dixa.put(f"{USERS}/{ann}", json={"displayName": "A", "email": "ann@example.com"}).json()["data"]
    assert (replaced["firstName"], replaced["phoneNumber"], replaced["externalId"]) == (None, None, None)
    assert dixa.get(f"{USERS}/{ann}").json()["data"] == replaced


@pytest.mark.parametrize(
    "document", [{"email": "nonsense"}, {"phoneNumber": "0170"}, {"colour": "red"}, {"middleNames": "Sue"}]
)
def test_invalid_fields_are_rejected(dixa: httpx.Client, document: dict[str, Any]) -> None:
    response = dixa.post(USERS, json=document)
    assert response.status_code == 400
    assert response.json()["message"].startswith("Validation failure")


def test_a_bulk_call_has_one_result_for_each_item(dixa: httpx.Client, ann: str) -> None:
    response = dixa.post(f"{USERS}/bulk", json={"data": [{"email": "ben@example.com"}, {"email": ANN["email"]}]})
    assert response.status_code == 201
    assert [item["_type"] for item in response.json()["data"]] == ["BulkActionSuccess", "BulkActionFailure"]
    patched = dixa.patch(USERS, json={"data": [{"id": ann, "lastName": "Lee"}, {"id": "nobody"}]})
    assert [item["_type"] for item in patched.json()["data"]] == ["BulkActionSuccess", "BulkActionFailure"]


def test_custom_attributes(dixa: httpx.Client, ann: str) -> None:
    definitions = {item["identifier"]: item for item in dixa.get("/dixa/v1/custom-attributes").json()["data"]}
    plan = definitions["plan"]
    assert plan["entityType"] == "Contact"
    response = dixa.patch(f"{USERS}/{ann}/custom-attributes", json={plan["id"]: "coffee"})
    assert response.json()["data"] == [{"id": plan["id"], "name": "Plan", "identifier": "plan", "value": "coffee"}]
    assert dixa.get(f"{USERS}/{ann}").json()["data"]["customAttributes"] == response.json()["data"]
    assert dixa.patch(f"{USERS}/{ann}/custom-attributes", json={"unknown": "x"}).status_code == 400


def test_an_anonymization_is_processed_at_the_second_poll(dixa: httpx.Client, ann: str) -> None:
    anonymization = dixa.patch(f"{USERS}/{ann}/anonymize", params={"force": "true"})
    assert anonymization.status_code == 202
    assert anonymization.json()["data"]["targetEntityId"] == ann
    poll = f"/dixa/v1/anonymization/request/{anonymization.json()['data']['id']}"
    assert dixa.get(poll).json()["data"]["processedAt"] is None
    assert dixa.get(poll).json()["data"]["processedAt"] is not None
    assert dixa.get(USERS, params={"email": ANN["email"]}).json()["data"] == []
    assert dixa.get(f"{USERS}/{ann}").json()["data"]["email"] is None
    assert dixa.patch(f"{USERS}/{ann}/anonymize").status_code == 409
    assert dixa.post(USERS, json=ANN).status_code == 201


def test_lists_are_paged(dixa: httpx.Client) -> None:
    for n in range(3):
        dixa.post(USERS, json={"externalId": str(n)})
    page = dixa.get(USERS, params={"pageLimit": 2}).json()
    rest = dixa.get(f"/dixa{page['meta']['next']}").json()
    assert [user["externalId"] for user in page["data"] + rest["data"]] == ["2", "1", "0"]
    assert rest["meta"]["next"] is None


def test_there_is_no_delete_and_no_access_without_a_token(
    dixa: httpx.Client, control: httpx.Client, ann: str, own_sandbox: Callable[..., RunningSandbox]
) -> None:
    assert dixa.delete(f"{USERS}/{ann}").status_code == 405
    assert dixa.get(f"{USERS}/nobody").status_code == 404
    assert control.get(USERS).status_code == 401
    strict = own_sandbox(dixa_api_token="right")
    assert strict.client(Authorization="wrong").get(USERS).json() == {"message": "Unauthorized"}
    assert strict.client(Authorization="right").get(USERS).status_code == 200


def test_the_limit_is_10_requests_a_second_with_a_burst_of_4(own_sandbox: Callable[..., RunningSandbox]) -> None:
    limited = own_sandbox()
    dixa = limited.client(Authorization="t")
    statuses = [dixa.get(USERS).status_code for _ in range(20)]
    assert statuses[:14] == [200] * 14
    assert 429 in statuses
    throttled = next(response for response in (dixa.get(USERS) for _ in range(20)) if response.status_code == 429)
    assert "Retry-After" not in throttled.headers
    limited.client().patch("/sandbox/config", json={"dixa.requests_per_second": 0}).raise_for_status()
    assert {dixa.get(USERS).status_code for _ in range(20)} == {200}


def test_open_conversations_refuse_the_anonymization(sandbox: Any, dixa: httpx.Client, ann: str) -> None:
    def conversation(is_open: Any) -> int:
        return int(sandbox.http.post(f"/sandbox/dixa/endusers/{ann}/conversation", json={"open": is_open}).status_code)

    assert conversation(True) == 200
    assert dixa.patch(f"{USERS}/{ann}/anonymize").status_code == 400
    assert dixa.patch(f"{USERS}/{ann}/anonymize", params={"force": "maybe"}).status_code == 400
    assert conversation(False) == 200
    assert dixa.patch(f"{USERS}/{ann}/anonymize").status_code == 202
    assert conversation("yes") == 400
    assert sandbox.http.post("/sandbox/dixa/endusers/x/conversation", json={"open": True}).status_code == 404
