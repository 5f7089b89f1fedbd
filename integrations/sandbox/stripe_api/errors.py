"""Stripe's error bodies, and the errors that all endpoints share."""

from __future__ import annotations

from typing import Any


class StripeError(Exception):
    """An error response. `began`: execution had begun, so the response is stored under the idempotency key."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        type: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        began: bool = False,
        **more: Any,
    ) -> None:
        super().__init__(message)
        self.status, self.began = status, began
        self.error: dict[str, Any] = {"message": message, "type": type}
        if code is not None:
            self.error |= {"code": code, "doc_url": doc_url(code)}
        if param is not None:
            self.error["param"] = param
        self.error |= {name: value for name, value in more.items() if value is not None}


def doc_url(code: str) -> str:
    return f"https://docs.stripe.com/error-codes#{code.replace('_', '-')}"


def missing_object(noun: str, id: str, *, param: str = "id") -> StripeError:
    return StripeError(f"No such {noun}: '{id}'", status=404, code="resource_missing", param=param)


def missing_parameter(name: str) -> StripeError:
    return StripeError(f"Missing required param: {name}.", code="parameter_missing", param=name)


def unknown_parameter(name: str) -> StripeError:
    return StripeError(f"Received unknown parameter: {name}", code="parameter_unknown", param=name)


def injected_error(status: int) -> dict[str, Any]:
    """The error body that Stripe's front end sends with this status."""
    if status == 429:
        message = "Request rate limit exceeded. Learn more about rate limits here https://docs.stripe.com/rate-limits."
        return StripeError(message, code="rate_limit").error
    if status == 409:
        return StripeError(
            "There is currently another in-progress request using this Idempotent Key.",
            type="idempotency_error",
            code="idempotency_key_in_use",
        ).error
    if status >= 500:
        return {"message": "An unknown error occurred", "type": "api_error"}
    return {"message": "Injected by the sandbox", "type": "invalid_request_error"}
