"""How the views of the payment page find an order, answer while the database is unavailable, and choose a language."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable

from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone, translation

from charges import payment_links
from integrations.errors import database_is_away
from orders.models import Order
from subscriptions.locales import language_of

logger = logging.getLogger(__name__)

RETRY_AFTER_SECONDS = 5

View = Callable[..., HttpResponse]


def order_of_link(token: str) -> tuple[Order | None, bool]:
    """The order that the link belongs to, and whether the link has expired. An invalid link has no order."""
    try:
        link = payment_links.read(token, at=timezone.now())
    except payment_links.BadLink:
        return None, False
    orders = Order.objects.select_related("customer", "subscription__plan")
    return orders.filter(pk=link.order_id).first(), link.expired


def unavailable_without_database(respond: Callable[[HttpRequest], HttpResponse]) -> Callable[[View], View]:
    """Make a view return the 503 response of ``respond`` while the database is unavailable."""

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def wrapper(request: HttpRequest, **path: str) -> HttpResponse:
            try:
                return view(request, **path)
            except (DatabaseError, InterfaceError) as error:
                if not database_is_away(error):
                    raise
                logger.warning("The database did not respond: %s", type(error).__name__)
                response = respond(request)
                response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
                return response

        return wrapper

    return decorate


def browser_language(request: HttpRequest) -> str:
    """The language that the browser asks for, or English if we do not support it. For pages without a customer."""
    return language_of(translation.get_language_from_request(request))
