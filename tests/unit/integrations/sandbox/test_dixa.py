"""Dixa: end users, unique e-mail and phone, custom attributes, anonymization, limits."""

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
    answer = dixa.post(USERS, json=ANN)
    assert answer.status_code == 201
    return str(answer.json()["data"]["id"])


@pytest.mark.parametrize("query", [{"email": "Ann@example.com"}, {"phone": "+4917012345678"}, {"externalId": "7"}])
def test_found_by_one_filter(dixa: httpx.Client, ann: str, query: dict[str, str]) -> None:
    (found,) = dixa.get(USERS, params=query).json()["data"]
    assert found["id"] == ann
    assert "customAttributes" not in found
    assert dixa.get(USERS, params={"externalId": "8"}).json()["data"] == []


def test_two_filters_are_one_too_many(dixa: httpx.Client, ann: str) -> None:
    answer = dixa.get(USERS, params={"email": "ann@example.com", "externalId": "7"})
    assert answer.status_code == 400
    assert set(answer.json()) == {"message"}


@pytest.mark.parametrize("name", ["email", "phoneNumber"])
def test_duplicates_are_refused_in_words(dixa: httpx.Client, ann: str, name: str) -> None:
    answer = dixa.post(USERS, json={"displayName": "Other", name: ANN[name]})
    assert answer.status_code == 400
    assert "exists" in answer.json()["message"]
    other = dixa.post(USERS, json={"displayName": "Other"}).json()["data"]["id"]
    assert dixa.patch(f"{USERS}/{other}", json={name: ANN[name]}).status_code == 400
    assert dixa.patch(f"{USERS}/{ann}", json={name: ANN[name]}).status_code == 200


def test_twins_by_external_id_are_possible(dixa: httpx.Client, ann: str) -> None:
    assert dixa.post(USERS, json={"externalId": "7"}).status_code == 201
    assert len(dixa.get(USERS, params={"externalId": "7"}).json()["data"]) == 2


def test_patch_keeps_and_put_loses_what_is_left_out(dixa: httpx.Client, ann: str) -> None:
    patched = dixa.patch(f"{USERS}/{ann}", json={"firstName": "Ann"}).json()["data"]
    assert (patched["firstName"], patched["email"]) == ("Ann", "ann@example.com")
    assert dixa.put(f"{USERS}/{ann}", json={"email": "ann@example.com"}).status_code == 400
    replaced = dixa.put(f"{USERS}/{ann}", json={"displayName": "A", "email": "ann@example.com"}).json()["data"]
    assert (replaced["firstName"], replaced["phoneNumber"], replaced["externalId"]) == (None, None, None)
    assert dixa.get(f"{USERS}/{ann}").json()["data"] == replaced


@pytest.mark.parametrize(
    "document", [{"email": "nonsense"}, {"phoneNumber": "0170"}, {"colour": "red"}, {"middleNames": "Sue"}]
)
def test_bad_fields_are_refused(dixa: httpx.Client, document: dict[str, Any]) -> None:
    answer = dixa.post(USERS, json=document)
    assert answer.status_code == 400
    assert answer.json()["message"].startswith("Validation failure")


def test_bulk_calls_answer_item_by_item(dixa: httpx.Client, ann: str) -> None:
    answer = dixa.post(f"{USERS}/bulk", json={"data": [{"email": "ben@example.com"}, {"email": ANN["email"]}]})
    assert answer.status_code == 201
    assert [item["_type"] for item in answer.json()["data"]] == ["BulkActionSuccess", "BulkActionFailure"]
    patched = dixa.patch(USERS, json={"data": [{"id": ann, "lastName": "Lee"}, {"id": "nobody"}]})
    assert [item["_type"] for item in patched.json()["data"]] == ["BulkActionSuccess", "BulkActionFailure"]


def test_custom_attributes(dixa: httpx.Client, ann: str) -> None:
    definitions = {item["identifier"]: item for item in dixa.get("/dixa/v1/custom-attributes").json()["data"]}
    plan = definitions["plan"]
    assert plan["entityType"] == "Contact"
    answer = dixa.patch(f"{USERS}/{ann}/custom-attributes", json={plan["id"]: "coffee"})
    assert answer.json()["data"] == [{"id": plan["id"], "name": "Plan", "identifier": "plan", "value": "coffee"}]
    assert dixa.get(f"{USERS}/{ann}").json()["data"]["customAttributes"] == answer.json()["data"]
    assert dixa.patch(f"{USERS}/{ann}/custom-attributes", json={"unknown": "x"}).status_code == 400


def test_anonymization_takes_a_moment(dixa: httpx.Client, ann: str) -> None:
    asked = dixa.patch(f"{USERS}/{ann}/anonymize", params={"force": "true"})
    assert asked.status_code == 202
    assert asked.json()["data"]["targetEntityId"] == ann
    poll = f"/dixa/v1/anonymization/request/{asked.json()['data']['id']}"
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


def test_ten_calls_a_second_and_four_at_a_burst(own_sandbox: Callable[..., RunningSandbox]) -> None:
    limited = own_sandbox()
    dixa = limited.client(Authorization="t")
    statuses = [dixa.get(USERS).status_code for _ in range(20)]
    assert statuses[:14] == [200] * 14
    assert 429 in statuses
    throttled = next(answer for answer in (dixa.get(USERS) for _ in range(20)) if answer.status_code == 429)
    assert "Retry-After" not in throttled.headers
    limited.client().patch("/sandbox/config", json={"dixa.requests_per_second": 0}).raise_for_status()
    assert {dixa.get(USERS).status_code for _ in range(20)} == {200}
