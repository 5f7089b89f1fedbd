"""Render an e-mail about a subscription: a reminder, a change, a card that expires, a cancellation."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from babel import Locale
from django.conf import settings
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import pgettext_lazy

from notifications.models import Notification
from notifications.rendering import formatting
from notifications.rendering.account_emails import AccountButton
from notifications.rendering.content import parse, plain_text
from notifications.rendering.emails import CARD, MAX_NAME_LENGTH, NEXT_PAYMENT, PLAN, PRICE, Fact, RenderedEmail
from subscriptions.locales import formats_of, language_of
from subscriptions.models import Price, Subscription
from subscriptions.queries import Cancellation, NextCharge

Kind = Notification.Kind

OLD_PRICE = pgettext_lazy("e-mail", "Price so far")
NEW_PRICE = pgettext_lazy("e-mail", "New price")
VALID_FROM = pgettext_lazy("e-mail", "Valid from")
RECEIVED_AT = pgettext_lazy("e-mail", "Received on")
ENDS_AT = pgettext_lazy("e-mail", "Ends on")
EXPIRES = pgettext_lazy("e-mail", "Card valid until")
REFUND = pgettext_lazy("e-mail", "Refund")
LOG_IN = pgettext_lazy("e-mail", "Log in")


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceChange:
    """The subscription moves from one price to another at ``at``. Both are for each unit and period."""

    old: Price
    new: Price
    quantity: int
    at: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionContext:
    """The facts that an e-mail states besides the plan. Each kind uses some of them.

    ``expiry``: as printed on the card, such as ``11/2031``. ``log_in_url``: for a button; empty for none.
    """

    next_charge: NextCharge | None = None
    brand: str = ""
    last4: str = ""
    expiry: str = ""
    price_change: PriceChange | None = None
    cancellation: Cancellation | None = None
    log_in_url: str = ""
    cancel_url: str = ""


def render(*, kind: Notification.Kind, subscription: Subscription, context: SubscriptionContext) -> RenderedEmail:
    """The e-mail in the customer's language, or in English if we do not support that language."""
    customer = subscription.customer
    language, formats = language_of(customer.locale), formats_of(customer.locale)
    shop, name = formatting.printable(settings.SHOP_NAME), formatting.printable(customer.name)
    with translation.override(language):
        words = _Words(subscription, context, formats)
        content = parse(plain_text(f"notifications/{kind.value}.txt", {"shop": shop, **words.variables()}))
        variables = {
            "shop": shop,
            "language": language,
            "content": content,
            "name": name,
            "facts": words.facts(),
            "button": _button(context.log_in_url, LOG_IN),
            "cancel_url": context.cancel_url,
            "is_about_subscription": True,
        }
        return RenderedEmail(
            to_name=name[:MAX_NAME_LENGTH].strip(),
            subject=content.subject,
            html=render_to_string("notifications/email.html", variables),
            text=render_to_string("notifications/email.txt", variables),
        )


def _button(url: str, label: Promise) -> AccountButton | None:
    return AccountButton(url=url, label=label) if url else None


class _Words:
    """The facts of a context in the active language and the customer's formats."""

    def __init__(self, subscription: Subscription, context: SubscriptionContext, formats: Locale) -> None:
        self.subscription, self.context, self.formats = subscription, context, formats
        self.plan = formatting.printable(subscription.plan.name)
        self.card = formatting.card(brand=context.brand, last4=context.last4)

    def variables(self) -> dict[str, object]:
        """The variables of the texts."""
        charge, change, canceled = self.context.next_charge, self.context.price_change, self.context.cancellation
        return {
            "plan": self.plan,
            "quantity": self.subscription.quantity,
            "is_digital": self.subscription.plan.is_digital,
            "card": self.card,
            "day": charge and self._day(charge.at),
            "amount": charge and self._money(charge.amount, charge.price.currency),
            "expiry": self.context.expiry,
            "change_day": change and self._day(change.at),
            "ends_later": canceled and canceled.ends_at > canceled.received_at,
            "end_day": canceled and self._day(canceled.ends_at),
            "refund": canceled and canceled.refund and self._refund(canceled),
        }

    def facts(self) -> list[Fact]:
        """The table of facts."""
        charge, quantity, plan = self.context.next_charge, self.subscription.quantity, self.plan
        if charge:
            # The customer may have planned another plan or quantity for the next period.
            quantity, plan = charge.quantity, formatting.printable(charge.price.plan.name)
        facts = [Fact(label=PLAN, value=f"{quantity} × {plan}")]
        if change := self.context.price_change:
            facts.append(Fact(label=OLD_PRICE, value=self._price(change.old, change.quantity)))
            facts.append(Fact(label=NEW_PRICE, value=self._price(change.new, change.quantity)))
            facts.append(Fact(label=VALID_FROM, value=self._day(change.at)))
        else:
            price = charge.price if charge else self.subscription.price
            facts.append(Fact(label=PRICE, value=self._price(price, quantity)))
            if charge:
                due = self._money(charge.amount, charge.price.currency)
                facts.append(Fact(label=NEXT_PAYMENT, value=f"{self._day(charge.at)}, {due}"))
        if self.card:
            facts.append(Fact(label=CARD, value=self.card))
        if self.context.expiry:
            facts.append(Fact(label=EXPIRES, value=self.context.expiry))
        return facts + self._cancellation()

    def _cancellation(self) -> list[Fact]:
        canceled = self.context.cancellation
        if canceled is None:
            return []
        facts = [
            Fact(label=RECEIVED_AT, value=self._moment(canceled.received_at)),
            Fact(label=ENDS_AT, value=self._moment(canceled.ends_at)),
        ]
        if canceled.refund:
            facts.append(Fact(label=REFUND, value=self._refund(canceled)))
        return facts

    def _refund(self, canceled: Cancellation) -> str:
        return self._money(canceled.refund, self.subscription.price.currency)

    def _price(self, price: Price, quantity: int) -> str:
        return f"{self._money(price.amount * quantity, price.currency)} {self._every(price)}"

    def _every(self, price: Price) -> str:
        return formatting.every(interval=price.interval, count=price.interval_count)

    def _money(self, amount: int, currency: str) -> str:
        return formatting.money(amount=amount, currency=currency, formats=self.formats)

    def _day(self, at: dt.datetime) -> str:
        return formatting.local_day(at, time_zone=self.subscription.time_zone, formats=self.formats)

    def _moment(self, at: dt.datetime) -> str:
        return formatting.moment(at, time_zone=self.subscription.time_zone, formats=self.formats)
