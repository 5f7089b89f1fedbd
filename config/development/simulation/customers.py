"""The customers: when they come, how their cards do, what they do about a mail, and when they leave."""

from __future__ import annotations

import datetime as dt
import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from charges import payment_links
from charges.models import Charge
from charges.operations.payments.new_payment_method import (
    NothingToPay,
    PaymentUnderWay,
    TooManyPaymentMethods,
    replace_payment_method,
)
from config.development.simulation.agenda import Agenda
from config.development.simulation.clock import Clock
from config.development.simulation.providers import Providers
from config.development.simulation.wishes import Wishes
from orders.models import Order
from orders.operations.checkout import Checkout, IdempotencyKey, place_checkout
from subscriptions.models import Plan, Price
from subscriptions.operations.customers import Buyer
from subscriptions.operations.subscriptions import Purchase
from subscriptions.queries import current_price

# The share of customers for each plan.
PLANS = {
    "coffee-monthly": 46,
    "magazine-monthly": 30,
    "manga-monthly": 12,
    "tea-box-quarterly": 6,
    "veg-box-weekly": 4,
    "coffee-yearly": 2,
}
TIME_ZONES = ("Europe/Berlin", "Europe/London", "America/New_York", "Asia/Tokyo", "UTC")
ADDRESS = {"line1": "Lindenstr. 1", "postal_code": "10969", "city": "Berlin", "country": "DE"}
PAYMENT_LINK = re.compile(r"/pay/([^/\s\"]+)/")
ARRIVALS_END = 0.4  # of the whole time

GOOD = "visa"
EMPTY = "chargeCustomerFail_insufficient_funds"
LOST = "chargeCustomerFail_lost_card"
# Cards at the checkout. The first decline, the others pay.
FIRST_CARDS = {"visa": 88, "mastercard": 8, "chargeDeclined": 2, "visa_chargeCustomerFail": 2}
DAYS_BETWEEN_EMPTY_ACCOUNTS = 220.0
DAYS_EMPTY = (2.0, 30.0)
DAYS_UNTIL_CARD_IS_LOST = 900.0
DAYS_BETWEEN_WISHES = 45.0
WANTS_TRIAL = 0.8
GIVES_ANOTHER_CARD = 0.45
HOURS_UNTIL_REACTION = (0.2, 70.0)


@dataclass(slots=True)
class Person:
    """A customer with one subscription, and the customer's card at the bank."""

    random: random.Random
    number: int
    card: str
    subscription_id: UUID | None = None
    customer_id: UUID | None = None
    reacts: bool = False


class Customers:
    """All customers. ``until``: the end of the simulation."""

    def __init__(
        self, *, seed: int, clock: Clock, agenda: Agenda, providers: Providers, until: dt.datetime
    ) -> None:
        self._seed = seed
        self._clock, self._agenda, self._providers, self._until = clock, agenda, providers, until
        self.wishes = Wishes(clock=clock)
        self._people: dict[UUID, Person] = {}
        self._prices: dict[str, Price] = {}

    def begin(self, *, number: int) -> None:
        """Plan the arrival of this number of customers."""
        chance = random.Random(f"{self._seed} arrivals")
        seconds = (self._until - self._clock.now).total_seconds() * ARRIVALS_END
        arrivals = sorted(chance.uniform(0, seconds) for _ in range(number))
        for index, after in enumerate(arrivals, start=1):
            at = self._clock.now + dt.timedelta(seconds=int(after))
            self._agenda.add(at, partial(self._arrive, index))

    def read_mails(self) -> None:
        """Have the customers read their new mails. Some follow the link to the payment page and give another card."""
        for text in self._providers.new_mails():
            found = PAYMENT_LINK.search(text)
            if found:
                self._read_about_payment(payment_links.read(found[1], at=self._clock.now).order_id)

    def _read_about_payment(self, order_id: UUID) -> None:
        person = self._people[Order.objects.only("customer_id").get(pk=order_id).customer_id]
        if person.reacts or person.random.random() >= GIVES_ANOTHER_CARD:
            return
        person.reacts = True
        at = self._after(person, hours=person.random.uniform(*HOURS_UNTIL_REACTION))
        self._agenda.add(at, partial(self._give_another_card, person, order_id))

    def _arrive(self, number: int) -> None:
        chance = random.Random(f"{self._seed} customer {number}")
        price = self._price(_weighted(chance, PLANS))
        person = Person(random=chance, number=number, card=self._providers.new_card(_weighted(chance, FIRST_CARDS)))
        purchase = Purchase(
            price=price,
            quantity=1 if chance.random() < 0.85 else chance.randint(2, 4),
            payment_method=person.card,
            shipping_address=ADDRESS,
            time_zone=chance.choice(TIME_ZONES),
            trial_days=price.plan.trial_days if chance.random() < WANTS_TRIAL else 0,
        )
        buyer = Buyer(email=f"customer-{number}@example.com", name=f"Customer {number}",
                      phone=f"+49151{number:08}", sms_consent=chance.random() < 0.3)  # fmt: skip
        checkout = Checkout(buyer=buyer, purchase=purchase)
        key = IdempotencyKey(caller="simulation", key=str(number), request_hash="")
        placed = place_checkout(
            checkout=checkout,
            key=key,
            at=self._clock.now,
            describe=lambda order: {"customer": str(order.customer_id), "subscription": str(order.subscription_id)},
        )
        person.customer_id = UUID(placed.body["customer"])
        person.subscription_id = UUID(placed.body["subscription"])
        self._people[person.customer_id] = person
        self._plan(person, DAYS_BETWEEN_EMPTY_ACCOUNTS, self._run_out_of_money)
        self._plan(person, DAYS_UNTIL_CARD_IS_LOST, self._lose_card)
        self._plan(person, DAYS_BETWEEN_WISHES, self._wish)

    def _price(self, plan: str) -> Price:
        if plan not in self._prices:
            price = current_price(plan=Plan.objects.get(code=plan))
            assert price is not None
            self._prices[plan] = price
        return self._prices[plan]

    def _plan(self, person: Person, mean_days: float, action: Callable[[Person], None]) -> None:
        at = self._after(person, hours=24 * person.random.expovariate(1 / mean_days))
        self._agenda.add(at, partial(action, person))

    def _after(self, person: Person, *, hours: float) -> dt.datetime:
        return self._clock.now + dt.timedelta(seconds=int(hours * 3600))

    def _run_out_of_money(self, person: Person) -> None:
        card = person.card
        self._providers.change_card(card, EMPTY)
        at = self._after(person, hours=24 * person.random.uniform(*DAYS_EMPTY))
        self._agenda.add(at, partial(self._get_money, person, card))

    def _get_money(self, person: Person, card: str) -> None:
        self._providers.change_card(card, GOOD)
        self._plan(person, DAYS_BETWEEN_EMPTY_ACCOUNTS, self._run_out_of_money)

    def _lose_card(self, person: Person) -> None:
        self._providers.change_card(person.card, LOST)

    def _wish(self, person: Person) -> None:
        assert person.subscription_id is not None
        self.wishes.choose(subscription_id=person.subscription_id, chance=person.random)
        self._plan(person, DAYS_BETWEEN_WISHES, self._wish)

    def _give_another_card(self, person: Person, order_id: UUID) -> None:
        person.reacts = False
        card = self._providers.new_card(GOOD)
        try:
            replace_payment_method(order_id=order_id, payment_method=card, at=self._clock.now)
        except (NothingToPay, PaymentUnderWay, TooManyPaymentMethods, Charge.DoesNotExist):
            return
        person.card = card


def _weighted(chance: random.Random, weights: dict[str, int]) -> str:
    return chance.choices(list(weights), weights=list(weights.values()))[0]
