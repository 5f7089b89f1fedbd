"""The payment page of an order as HTML. It is open to everyone who has the link.

It shows the name of the shop, the order's number, the plan and the amount. It shows nothing about the customer.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from babel.dates import format_date
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone, translation
from django.views.decorators.http import require_GET, require_POST

from charges.operations.payments import payment_page as operations
from charges.payment_page import texts
from charges.payment_page.access import browser_language, order_of_link, unavailable_without_database
from charges.payment_page.security_headers import with_security_headers
from charges.payment_status import PaymentStatus, payment_status_of
from charges.throttles import seconds_to_wait
from orders.models import Order
from orders.operations.payments import is_trial
from subscriptions.locales import formats_of, language_of, money, translated


@require_GET
@unavailable_without_database(lambda request: _page(request, "unavailable", status_code=503))
def payment_page(request: HttpRequest, token: str) -> HttpResponse:
    """The state of the payment, and what the customer can do."""
    order, expired = order_of_link(token)
    if order is None:
        return _page(request, "bad_link", status_code=404)
    if expired:
        return _page(request, "expired", order=order, token=token, status_code=410)
    status = payment_status_of(order=order, at=timezone.now())
    return _page(request, status.state, order=order, token=token, status=status)


@require_POST
@unavailable_without_database(lambda request: _page(request, "unavailable", status_code=503))
def request_link(request: HttpRequest, token: str) -> HttpResponse:
    """Send a new link if this one has expired. The response does not show whether a link was sent."""
    order, expired = order_of_link(token)
    if order is None:
        return _page(request, "bad_link", status_code=404)
    if not expired:
        return with_security_headers(HttpResponseRedirect(reverse("payment-page", kwargs={"token": token})))
    if not seconds_to_wait(request):
        operations.request_link(order=order, at=timezone.now())
    return _page(request, "link_requested", order=order)


def _page(
    request: HttpRequest,
    state: str,
    *,
    order: Order | None = None,
    token: str = "",
    status: PaymentStatus | None = None,
    status_code: int = 200,
) -> HttpResponse:
    """The page in this state: a ``PaymentState``, or a problem with the link (see ``texts.HEADINGS``)."""
    language = language_of(order.contact_locale) if order else browser_language(request)
    saves_card = order is not None and is_trial(order=order)
    headings = texts.TRIAL_HEADINGS if saves_card else texts.HEADINGS
    context = {
        "state": str(state),
        "language": language,
        "shop": settings.SHOP_NAME,
        "heading": headings[state],
        "text": (texts.TRIAL_TEXTS if saves_card else texts.TEXTS).get(state, ""),
        "saves_card": saves_card,
        "script_texts": texts.SCRIPT_TEXTS | {"processing": headings["processing"]},
        "token": token,
        "stripe_js": settings.STRIPE_JS_URL,
        "publishable_key": settings.STRIPE_PUBLISHABLE_KEY,
        **(_order_context(order) if order else {}),
        **(_status_context(status, locale=order.contact_locale) if order and status else {}),
    }
    with translation.override(language):
        page = render(request, "charges/payment.html", context, status=status_code)
    return with_security_headers(page, has_plain_form=state == "expired")


def _order_context(order: Order) -> dict[str, Any]:
    subscription = order.subscription
    formats = formats_of(order.contact_locale)
    return {
        "number": order.number,
        "plan": f"{subscription.quantity} × {subscription.plan.name}",
        "amount": money(amount=order.amount, currency=order.currency, formats=formats),
    }


def _status_context(status: PaymentStatus, *, locale: str) -> dict[str, Any]:
    return {
        "explanation": translated(status.explanation, locale=locale) if status.explanation else "",
        "next_attempt_on": _day(status.next_attempt_at, locale=locale) if status.next_attempt_at else "",
    }


def _day(at: dt.datetime, *, locale: str) -> str:
    return str(format_date(at.date(), "long", formats_of(locale)))
