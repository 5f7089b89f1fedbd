"""The page on which a customer cancels one subscription or withdraws from it, without a login and without JavaScript.

Each mail about money links to it. Mail scanners open links, so opening the page changes nothing; its button does. The
page shows the plan, its price and the dates, and nothing about the customer.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any, cast

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.functional import Promise
from django.views.decorators.http import require_http_methods

from charges import cancel_links
from charges.cancel_page import texts
from charges.operations import cancellation, withdrawal
from charges.operations.refunds.unused_part import unused_part
from charges.payment_page.access import browser_language, unavailable_without_database
from charges.throttles import PaymentAddressThrottle
from orders import queries as orders
from subscriptions import actors
from subscriptions import queries as subscriptions
from subscriptions.locales import every, formats_of, language_of, local_day, moment, money
from subscriptions.models import CancelReason, Subscription
from subscriptions.operations.actions import Action, ActionNotAllowed, allowed_actions
from subscriptions.operations.cancellation import cancel_at_period_end

POLICY = (
    "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
SHOW_OR_ACT = require_http_methods(["GET", "HEAD", "POST"])
AT_PERIOD_END = "period_end"
NOW = "now"


def _unavailable(request: HttpRequest) -> HttpResponse:
    return _page(request, "unavailable", status=503)


@SHOW_OR_ACT
@unavailable_without_database(_unavailable)
def find(request: HttpRequest) -> HttpResponse:
    """Find the subscription by the customer's e-mail address and the number of an order, and continue to its page."""
    if request.method != "POST":
        return _page(request, "find")
    if _is_too_often(request):
        return _page(request, "find", error=texts.TOO_MANY_REQUESTS, status=429)
    order = orders.order_by_number(number=request.POST.get("order", ""), email=request.POST.get("email", ""))
    if order is None:
        return _page(request, "find", error=texts.NOT_FOUND, status=422)
    return _redirect("cancel-page", cancel_links.token(subscription_id=order.subscription_id))


@SHOW_OR_ACT
@unavailable_without_database(_unavailable)
def cancel(request: HttpRequest, token: str) -> HttpResponse:
    """Show the subscription and what a cancellation does; cancel when the button is pressed."""
    subscription = _subscription_of(token)
    if subscription is None:
        return _page(request, "bad_link", status=404)
    if request.method != "POST" or subscriptions.cancellation_of(subscription=subscription) is not None:
        return _state(request, subscription, token)
    if _is_too_often(request):
        return _state(request, subscription, token, error=texts.TOO_MANY_REQUESTS, status=429)
    act = _action(subscription, when=request.POST.get("when", ""), reason=request.POST.get("reason", ""))
    if act is None:
        return _state(request, subscription, token, error=texts.CHOOSE, status=422)
    try:
        act()
    except ActionNotAllowed:
        return _state(request, subscription, token, error=texts.CHANGED, status=409)
    return _redirect("cancel-page", token)


@SHOW_OR_ACT
@unavailable_without_database(_unavailable)
def withdraw(request: HttpRequest, token: str) -> HttpResponse:
    """Show what a withdrawal does; withdraw when the button is pressed."""
    subscription = _subscription_of(token)
    if subscription is None:
        return _page(request, "bad_link", status=404)
    if subscription.status == Subscription.Status.CANCELED:
        return _redirect("cancel-page", token)
    if withdrawal.withdrawal_terms(subscription=subscription, at=timezone.now()) is None:
        return _page(request, "too_late", subscription=subscription, token=token, status=410)
    if request.method != "POST":
        return _page(request, "withdraw", subscription=subscription, token=token)
    if _is_too_often(request):
        error = texts.TOO_MANY_REQUESTS
        return _page(request, "withdraw", subscription=subscription, token=token, error=error, status=429)
    try:
        withdrawal.withdraw(
            subscription_id=subscription.pk, actor=actors.customer(subscription.customer_id), at=timezone.now()
        )
    except withdrawal.UnableToWithdraw:
        return _page(request, "too_late", subscription=subscription, token=token, status=410)
    return _redirect("cancel-page", token)


def _subscription_of(token: str) -> Subscription | None:
    try:
        subscription_id = cancel_links.read(token)
    except cancel_links.BadLink:
        return None
    found = Subscription.objects.select_related("customer", "plan", "price").filter(pk=subscription_id)
    return found.first()


def _action(subscription: Subscription, *, when: str, reason: str) -> Callable[[], bool] | None:
    """The chosen operation, or None if nothing was chosen."""
    actor, at = actors.customer(subscription.customer_id), timezone.now()
    chosen = reason if reason in CancelReason.values else CancelReason.OTHER.value
    if when == AT_PERIOD_END:
        return lambda: cancel_at_period_end(subscription_id=subscription.pk, reason=chosen, actor=actor, at=at)
    if when == NOW:
        return lambda: cancellation.cancel_now(
            subscription_id=subscription.pk, reason=chosen, is_refunded=True, actor=actor, at=at
        )
    return None


def _state(
    request: HttpRequest,
    subscription: Subscription,
    token: str,
    *,
    error: Promise | None = None,
    status: int = 200,
) -> HttpResponse:
    """The page of the subscription as it is now: the form, or the receipt of a cancellation."""
    canceled = subscriptions.cancellation_of(subscription=subscription)
    if canceled is None:
        state = "form"
    elif subscription.status != Subscription.Status.CANCELED:
        state = "planned"
    else:
        state = "withdrawn" if canceled.is_withdrawal else "ended"
    return _page(request, state, subscription=subscription, token=token, error=error, status=status)


def _page(
    request: HttpRequest,
    state: str,
    *,
    subscription: Subscription | None = None,
    token: str = "",
    error: Promise | None = None,
    status: int = 200,
) -> HttpResponse:
    language = language_of(subscription.customer.locale) if subscription else browser_language(request)
    with translation.override(language):
        context = {
            "state": state,
            "language": language,
            "shop": settings.SHOP_NAME,
            "heading": texts.HEADINGS[state],
            "text": texts.TEXTS[state],
            "error": error,
            "token": token,
            **(_facts(subscription, at=timezone.now()) if subscription else {}),
        }
        return _with_security_headers(render(request, "charges/cancel.html", context, status=status))


def _facts(subscription: Subscription, *, at: dt.datetime) -> dict[str, Any]:
    """The facts about the subscription on the page, in the customer's formats."""
    formats, zone, price = formats_of(subscription.customer.locale), subscription.time_zone, subscription.price

    def shown(amount: int) -> str:
        return money(amount=amount, currency=price.currency, formats=formats)

    allowed = allowed_actions(subscription=subscription, at=at)
    canceled = subscriptions.cancellation_of(subscription=subscription)
    withdrawable = withdrawal.withdrawal_terms(subscription=subscription, at=at)
    refund = unused_part(subscription=subscription, at=at) if Action.CANCEL_NOW in allowed else 0
    return {
        "plan": f"{subscription.quantity} × {subscription.plan.name}",
        "price": f"{shown(price.amount * subscription.quantity)} "
        f"{every(interval=price.interval, count=price.interval_count)}",
        "may_end_later": Action.CANCEL_AT_PERIOD_END in allowed,
        "period_end": local_day(subscription.current_period_end, time_zone=zone, formats=formats),
        "refund_now": shown(refund) if refund else "",
        "reasons": texts.REASONS.items(),
        "received_at": canceled and moment(canceled.received_at, time_zone=zone, formats=formats),
        "ends_at": canceled and moment(canceled.ends_at, time_zone=zone, formats=formats),
        "refund": canceled and canceled.refund and shown(canceled.refund),
        "withdraw_until": withdrawable
        and local_day(withdrawable.until - dt.timedelta(seconds=1), time_zone=zone, formats=formats),
        "withdraw_refund": withdrawable and withdrawable.refund and shown(withdrawable.refund),
    }


def _is_too_often(request: HttpRequest) -> bool:
    return not PaymentAddressThrottle().allow_request(cast(Any, request), cast(Any, None))


def _redirect(name: str, token: str) -> HttpResponse:
    """Continue with GET, so that a reload of the page repeats nothing."""
    return _with_security_headers(HttpResponseRedirect(reverse(name, kwargs={"token": token})))


def _with_security_headers(response: HttpResponse) -> HttpResponse:
    """The link is as sensitive as a password. ``same-origin`` shows it to no other site; with ``no-referrer`` a browser
    would hide the form's origin, and Django rejects a form of unknown origin."""
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["X-Frame-Options"] = "DENY"
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    return response
