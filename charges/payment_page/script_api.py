"""The JSON API of the payment page's script (``static/charges/payment.js``).

Every view answers ``{"message": ...}`` in the customer's language if it cannot do what was asked.
"""

from __future__ import annotations

import functools
import json
import logging
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone, translation
from django.utils.functional import Promise
from django.views.decorators.http import require_http_methods

from charges.api.payment_serializers import PaymentMethodInput
from charges.operations.payments import new_payment_method
from charges.operations.payments import payment_page as operations
from charges.payment_page import texts
from charges.payment_page.access import (
    RETRY_AFTER_SECONDS,
    browser_language,
    order_of_link,
    unavailable_without_database,
)
from charges.payment_page.security_headers import with_security_headers
from charges.payment_status import PaymentState, payment_status_of
from charges.throttles import seconds_to_wait
from integrations import logs
from integrations.errors import ProviderError
from integrations.stripe import setup_intents
from orders.models import Order
from subscriptions.locales import language_of, translated

logger = logging.getLogger(__name__)

MAX_BODY_BYTES = 4096  # a payment method's id has less than 300
ACCEPTS_ANOTHER_CARD = (PaymentState.PAYMENT_FAILED, PaymentState.REQUIRES_ACTION)

OrderView = Callable[[HttpRequest, Order], HttpResponse]


def _unavailable(request: HttpRequest) -> HttpResponse:
    return _error(503, texts.TEXTS["unavailable"], browser_language(request))


def _script_view(method: str) -> Callable[[OrderView], Callable[..., HttpResponse]]:
    """A view that receives the link's order. It answers 404 or 410 for a bad or expired link, and throttles POST."""

    def decorate(view: OrderView) -> Callable[..., HttpResponse]:
        @require_http_methods([method])
        @unavailable_without_database(_unavailable)
        @functools.wraps(view)
        def wrapper(request: HttpRequest, token: str) -> HttpResponse:
            order, expired = order_of_link(token)
            if order is None:
                return _error(404, texts.TEXTS["bad_link"], browser_language(request))
            language = language_of(order.contact_locale)
            if expired:
                return _error(410, texts.HEADINGS["expired"], language)
            wait = seconds_to_wait(request) if method == "POST" else 0
            if wait:
                return _error(429, texts.TOO_MANY_REQUESTS, language, retry_after=wait)
            logs.bind(order_number=order.number)
            return view(request, order)

        return wrapper

    return decorate


@_script_view("GET")
def payment_status(request: HttpRequest, order: Order) -> HttpResponse:
    """``{"state", "message"}``. The script polls it while a payment is in progress."""
    status = payment_status_of(order=order, at=timezone.now())
    message = translated(status.explanation, locale=order.contact_locale) if status.explanation else ""
    return _success({"state": status.state.value, "message": message})


@_script_view("POST")
def start_confirmation(request: HttpRequest, order: Order) -> HttpResponse:
    """``{"client_secret", "payment_method", "saves_card"}``: the arguments of Stripe.js's ``confirmCardPayment``, or of
    its ``confirmCardSetup`` if the card is saved for a trial."""
    language = language_of(order.contact_locale)
    try:
        confirmation = operations.confirmation(order=order)
    except operations.NothingToConfirm:
        return _error(409, texts.PAYMENT_IN_PROGRESS, language)
    except ProviderError as error:
        return _stripe_unavailable(error, language)
    return _success(
        {
            "client_secret": confirmation.client_secret,
            "payment_method": confirmation.payment_method,
            "saves_card": confirmation.saves_card,
        }
    )


@_script_view("POST")
def note_return(request: HttpRequest, order: Order) -> HttpResponse:
    """The customer has finished the bank's authentication: read the payment's outcome at Stripe."""
    operations.note_return(order=order)
    return _success({}, status_code=202)


@_script_view("POST")
def start_setup(request: HttpRequest, order: Order) -> HttpResponse:
    """``{"client_secret"}``: the argument of Stripe.js's ``confirmCardSetup``, to save another card."""
    language = language_of(order.contact_locale)
    if payment_status_of(order=order, at=timezone.now()).state not in ACCEPTS_ANOTHER_CARD:
        return _error(409, texts.PAYMENT_IN_PROGRESS, language)
    try:
        setup_intent = setup_intents.create()
    except ProviderError as error:
        return _stripe_unavailable(error, language)
    return _success({"client_secret": setup_intent.client_secret})


@_script_view("POST")
def replace_payment_method(request: HttpRequest, order: Order) -> HttpResponse:
    """Pay the order with another card. Body: ``{"payment_method"}``."""
    language = language_of(order.contact_locale)
    payment_method = _payment_method_in(request)
    if payment_method is None:
        return _error(400, texts.INVALID_CARD, language)
    try:
        new_payment_method.replace_payment_method(order_id=order.pk, payment_method=payment_method, at=timezone.now())
    except new_payment_method.PaymentUnderWay:
        return _error(409, texts.PAYMENT_IN_PROGRESS, language)
    except new_payment_method.NothingToPay:
        return _error(409, texts.HEADINGS["nothing_to_pay"], language)
    except new_payment_method.TooManyPaymentMethods as error:
        return _error(429, texts.TOO_MANY_CARDS, language, retry_after=error.wait)
    return _success({}, status_code=202)


def _payment_method_in(request: HttpRequest) -> str | None:
    """The payment method's id in the body, or None if the body is invalid."""
    try:
        serializer = PaymentMethodInput(data=json.loads(request.read(MAX_BODY_BYTES)))
    except (ValueError, RecursionError, OSError):  # OSError: the browser closed the connection
        return None
    return str(serializer.validated_data["payment_method"]) if serializer.is_valid() else None


def _success(body: dict[str, Any], *, status_code: int = 200) -> HttpResponse:
    return with_security_headers(JsonResponse(body, status=status_code))


def _stripe_unavailable(error: ProviderError, language: str) -> HttpResponse:
    """Tell the customer that the error is not theirs, and log its cause."""
    logger.warning("Stripe did not answer a request of the payment page: %s", error)
    return _error(503, texts.STRIPE_UNAVAILABLE, language, retry_after=RETRY_AFTER_SECONDS)


def _error(status_code: int, message: Promise, language: str, *, retry_after: int | None = None) -> HttpResponse:
    with translation.override(language):
        response = JsonResponse({"message": str(message)}, status=status_code)
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    return with_security_headers(response)
