"""The payment page: one order, for whoever has its link. It shows the shop, the order's number, what was bought and the
amount, and nothing about the customer."""

from __future__ import annotations

import functools
import json
import logging
from collections.abc import Callable
from typing import Any

from babel.dates import format_date
from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.functional import Promise
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from charges import payment_links
from charges.api.payment_serializers import CardInput
from charges.operations.payments import new_payment_method
from charges.operations.payments import payment_page as operations
from charges.payment_links import BadLink
from charges.payment_page import texts
from charges.payment_page.policy import sealed
from charges.payment_status import PaymentState, PaymentStatus, payment_status_of
from charges.throttles import seconds_to_wait
from integrations import logs
from integrations.errors import ProviderError, database_is_away
from integrations.stripe import setup_intents
from orders.models import Order
from subscriptions.locales import formats_of, language_of, money, translated

logger = logging.getLogger(__name__)

RETRY_SECONDS = "5"
TAKES_ANOTHER_CARD = (PaymentState.PAYMENT_FAILED, PaymentState.REQUIRES_ACTION)
LARGEST_BODY = 4096  # bytes; a card's id has less than 300
Answer = dict[str, Any]
View = Callable[[HttpRequest, str], HttpResponse]
Door = Callable[[HttpRequest, Order], HttpResponse]


def _or_away(told: Callable[[HttpRequest], HttpResponse]) -> Callable[[View], View]:
    """A view that answers 503 and what is ``told`` while the database is away, as the API does."""

    def declare(view: View) -> View:
        @functools.wraps(view)
        def run(request: HttpRequest, token: str) -> HttpResponse:
            try:
                return view(request, token)
            except (DatabaseError, InterfaceError) as error:
                if not database_is_away(error):
                    raise
                logger.warning("The database did not answer: %s", type(error).__name__)
                response = told(request)
                response.headers["Retry-After"] = RETRY_SECONDS
                return response

        return run

    return declare


@require_GET
@_or_away(lambda request: _page(request, "away", status=503))
def payment_page(request: HttpRequest, token: str) -> HttpResponse:
    """How the payment stands, and what the customer can do about it."""
    order, expired = _order_of(token)
    if order is None:
        return _page(request, "bad_link", status=404)
    if expired:
        return _page(request, "expired", order=order, token=token, status=410)
    standing = payment_status_of(order=order, at=timezone.now())
    return _page(request, standing.state, order=order, token=token, standing=standing)


@require_POST
@_or_away(lambda request: _page(request, "away", status=503))
def request_link(request: HttpRequest, token: str) -> HttpResponse:
    """Send a fresh link in the place of an expired one. The answer is the same whether one is sent or not."""
    order, expired = _order_of(token)
    if order is None:
        return _page(request, "bad_link", status=404)
    if not expired:
        return sealed(HttpResponseRedirect(reverse("payment-page", kwargs={"token": token})))
    if not seconds_to_wait(request):
        operations.request_link(order=order, at=timezone.now())
    return _page(request, "link_requested", order=order)


def _door(method: str) -> Callable[[Door], Callable[..., HttpResponse]]:
    """A view for the page's script: the order of the link, or why not, in JSON. Changes are throttled."""

    def declare(view: Door) -> Callable[..., HttpResponse]:
        @require_http_methods([method])
        @_or_away(lambda request: _refusal(503, texts.TEXTS["away"], _wished_language(request)))
        @functools.wraps(view)
        def run(request: HttpRequest, token: str) -> HttpResponse:
            order, expired = _order_of(token)
            if order is None:
                return _refusal(404, texts.TEXTS["bad_link"], _wished_language(request))
            language = language_of(order.customer.locale)
            if expired:
                return _refusal(410, texts.HEADINGS["expired"], language)
            wait = seconds_to_wait(request) if method == "POST" else 0
            if wait:
                return _refusal(429, texts.TOO_OFTEN, language, retry_after=str(wait))
            logs.bind(order_number=order.number)
            return view(request, order)

        return run

    return declare


@_door("GET")
def payment_status(request: HttpRequest, order: Order) -> HttpResponse:
    """``{"state", "message"}``: asked again and again while a payment runs."""
    standing = payment_status_of(order=order, at=timezone.now())
    return _answer({"state": standing.state.value, "message": _why(standing, order)})


@_door("POST")
def begin_confirmation(request: HttpRequest, order: Order) -> HttpResponse:
    """What Stripe.js confirms the payment with: ``{"client_secret", "payment_method"}``."""
    language = language_of(order.customer.locale)
    try:
        found = operations.confirmation(order=order)
    except operations.NothingToConfirm:
        return _refusal(409, texts.UNDER_WAY, language)
    except ProviderError as error:
        return _stripe_away(error, language)
    return _answer({"client_secret": found.client_secret, "payment_method": found.payment_method})


@_door("POST")
def note_return(request: HttpRequest, order: Order) -> HttpResponse:
    """The customer has answered the bank; have Stripe asked what came of it."""
    operations.note_return(order=order)
    return _answer({}, status=202)


@_door("POST")
def begin_setup(request: HttpRequest, order: Order) -> HttpResponse:
    """What Stripe.js saves another card with: ``{"client_secret"}``."""
    language = language_of(order.customer.locale)
    if payment_status_of(order=order, at=timezone.now()).state not in TAKES_ANOTHER_CARD:
        return _refusal(409, texts.UNDER_WAY, language)
    try:
        made = setup_intents.create()
    except ProviderError as error:
        return _stripe_away(error, language)
    return _answer({"client_secret": made.client_secret})


@_door("POST")
def take_card(request: HttpRequest, order: Order) -> HttpResponse:
    """Have the order paid with another card: ``{"payment_method"}``."""
    language = language_of(order.customer.locale)
    payment_method = _card_in(request)
    if payment_method is None:
        return _refusal(400, texts.NO_CARD, language)
    try:
        new_payment_method.replace_payment_method(order_id=order.pk, payment_method=payment_method, at=timezone.now())
    except new_payment_method.PaymentUnderWay:
        return _refusal(409, texts.UNDER_WAY, language)
    except new_payment_method.NothingToPay:
        return _refusal(409, texts.HEADINGS["nothing_to_pay"], language)
    except new_payment_method.TooManyPaymentMethods as error:
        return _refusal(429, texts.TOO_MANY_CARDS, language, retry_after=str(error.wait))
    return _answer({}, status=202)


def _card_in(request: HttpRequest) -> str | None:
    """The card that the body names, or None where it names none."""
    try:
        serializer = CardInput(data=json.loads(request.read(LARGEST_BODY)))
    except (ValueError, RecursionError, OSError):  # the last where the browser hung up
        return None
    return str(serializer.validated_data["payment_method"]) if serializer.is_valid() else None


def _order_of(token: str) -> tuple[Order | None, bool]:
    """The order of a link, and whether the link has expired; no order where the link is not ours."""
    try:
        link = payment_links.read(token, at=timezone.now())
    except BadLink:
        return None, False
    orders = Order.objects.select_related("customer", "subscription__plan")
    return orders.filter(pk=link.order_id).first(), link.expired


def _page(
    request: HttpRequest,
    shown: str,
    *,
    order: Order | None = None,
    token: str = "",
    standing: PaymentStatus | None = None,
    status: int = 200,
) -> HttpResponse:
    language = language_of(order.customer.locale) if order else _wished_language(request)
    context = {
        "shown": str(shown),
        "language": language,
        "shop": settings.SHOP_NAME,
        "heading": texts.HEADINGS[shown],
        "text": texts.TEXTS.get(shown, ""),
        "script_texts": texts.SCRIPT_TEXTS,
        "token": token,
        "stripe_js": settings.STRIPE_JS_URL,
        "publishable_key": settings.STRIPE_PUBLISHABLE_KEY,
        **(_described(order, standing) if order else {}),
    }
    with translation.override(language):
        page = render(request, "charges/payment.html", context, status=status)
    return sealed(page, own_forms=shown == "expired")


def _described(order: Order, standing: PaymentStatus | None) -> Answer:
    formats = formats_of(order.customer.locale)
    subscription = order.subscription
    return {
        "number": order.number,
        "plan": f"{subscription.quantity} × {subscription.plan.name}",
        "amount": money(amount=order.amount, currency=order.currency, formats=formats),
        "why": _why(standing, order) if standing else "",
        "next_try": _next_try(standing, order) if standing else "",
    }


def _next_try(standing: PaymentStatus, order: Order) -> str:
    """The day on which the same card is charged again, or an empty string."""
    due = standing.next_attempt_at
    return str(format_date(due.date(), "long", formats_of(order.customer.locale))) if due else ""


def _why(standing: PaymentStatus, order: Order) -> str:
    return translated(standing.explanation, locale=order.customer.locale) if standing.explanation else ""


def _wished_language(request: HttpRequest) -> str:
    """The browser's language, if no customer is known; English if we do not support it."""
    return language_of(translation.get_language_from_request(request))


def _answer(body: Answer, *, status: int = 200) -> HttpResponse:
    return sealed(JsonResponse(body, status=status))


def _stripe_away(error: ProviderError, language: str) -> HttpResponse:
    """The customer reads that it is not their fault; what it is, stands in the log."""
    logger.warning("The payment page has no answer from Stripe to go on with: %s", error)
    return _refusal(503, texts.STRIPE_AWAY, language, retry_after=RETRY_SECONDS)


def _refusal(status: int, sentence: Promise, language: str, *, retry_after: str = "") -> HttpResponse:
    with translation.override(language):
        response = JsonResponse({"message": str(sentence)}, status=status)
    if retry_after:
        response.headers["Retry-After"] = retry_after
    return sealed(response)
