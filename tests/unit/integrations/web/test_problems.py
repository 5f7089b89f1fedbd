"""problem+json: the status code and the fields of each kind of error."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from django.core.exceptions import RequestDataTooBig
from django.db import OperationalError
from rest_framework import exceptions, serializers

from integrations.web.problems import (
    CONTENT_TYPE,
    Conflict,
    RequestInFlight,
    Unavailable,
    Unprocessable,
    problem,
    problem_response,
)


class AddressInput(serializers.Serializer[Any]):
    city = serializers.CharField(max_length=5)


class OrderInput(serializers.Serializer[Any]):
    address = AddressInput()


def respond(error: Exception) -> Any:
    response = problem_response(error, {})
    assert response is not None
    assert (response.content_type, response["Cache-Control"]) == (CONTENT_TYPE, "no-store")
    assert response.data["status"] == response.status_code
    return response


def respond_to_input(data: Any) -> Any:
    with pytest.raises(exceptions.ValidationError) as rejected:
        OrderInput(data=data).is_valid(raise_exception=True)
    return respond(rejected.value)


@pytest.mark.parametrize("data", [{}, {"address": {}}, {"address": {"city": None}}, {"address": {"city": ""}}])
def test_a_missing_field_is_malformed(data: Any) -> None:
    assert respond_to_input(data).status_code == 400


def test_an_invalid_value_is_unprocessable_and_named_by_its_path() -> None:
    response = respond_to_input({"address": {"city": "Springfield"}})
    message = "Ensure this field has no more than 5 characters."
    assert response.status_code == 422
    assert response.data["errors"] == [{"field": "address.city", "message": message}]
    assert response.data["detail"] == f"address.city: {message}"


def test_unprocessable_names_its_fields() -> None:
    response = respond(Unprocessable({"plan": "There is no such plan."}))
    assert (response.status_code, response.data["title"]) == (422, "Not possible")
    assert response.data["errors"] == [{"field": "plan", "message": "There is no such plan."}]


@pytest.mark.parametrize(
    ("error", "code", "retry_after"),
    [
        (Conflict("Nothing to pay."), 409, None),
        (RequestInFlight(), 409, "1"),
        (Unavailable(), 503, "5"),
        (Unavailable("Stripe is unavailable.", wait=40), 503, "40"),
        (exceptions.NotFound(), 404, None),
        (RequestDataTooBig(), 413, None),
    ],
)
def test_other_errors_keep_their_status_and_say_when_to_retry(
    error: Exception, code: int, retry_after: str | None
) -> None:
    response = respond(error)
    assert (response.status_code, response.get("Retry-After")) == (code, retry_after)
    assert "errors" not in response.data


def test_a_database_that_is_away_is_503_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        response = respond(OperationalError("connection refused"))
    assert (response.status_code, response["Retry-After"]) == (503, "5")
    assert "OperationalError" in caplog.text
    assert "connection refused" not in response.data["detail"]


def test_a_bug_is_left_to_django() -> None:
    assert problem_response(ZeroDivisionError(), {}) is None


def test_a_problem_outside_any_view_has_the_same_format() -> None:
    response = problem(404, "There is nothing at this address.")
    assert response["Content-Type"] == CONTENT_TYPE
    assert json.loads(response.content) == {
        "type": "about:blank",
        "title": "Not found",
        "status": 404,
        "detail": "There is nothing at this address.",
    }
