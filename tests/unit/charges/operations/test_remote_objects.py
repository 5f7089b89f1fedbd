"""Keys are kept while they can bring an answer, and given up only after a look."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from charges.models import StripeCustomer
from charges.operations.remote_objects import KEY_LIFE, keep, obtain
from integrations.errors import ProviderUnavailable, ProviderUnclear
from integrations.stripe.errors import IdempotencyKeyExhausted, IdempotencyKeyReused, InvalidRequest
from tests.support.payments import NOW, place_order

pytestmark = pytest.mark.django_db


@pytest.fixture
def row() -> StripeCustomer:
    return StripeCustomer.objects.create(customer=place_order().customer)


class Stripe:
    """Answers from a script, and the keys that it was asked under."""

    def __init__(self, *answers: str | Exception, found: tuple[str | None, ...] = ()) -> None:
        self.answers, self.found = list(answers), list(found)
        self.keys: list[str] = []

    def make(self, key: str) -> str:
        self.keys.append(key)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def find(self) -> str | None:
        return self.found.pop(0)


def ask(row: StripeCustomer, stripe: Stripe, *, later: bool = False) -> str:
    row = StripeCustomer.objects.get(pk=row.pk)
    return obtain(row, find=stripe.find, make=stripe.make, at=NOW + 2 * KEY_LIFE if later else NOW)


def test_asked_once_and_known_for_ever(row: StripeCustomer) -> None:
    stripe = Stripe("cus_1")
    assert [ask(row, stripe), ask(row, stripe, later=True)] == ["cus_1", "cus_1"]
    assert stripe.keys == [f"customer:{row.pk}"]


@pytest.mark.parametrize("failure", [ProviderUnclear, ProviderUnavailable])
def test_an_unclear_answer_keeps_the_key(row: StripeCustomer, failure: Callable[[], Exception]) -> None:
    stripe = Stripe(failure(), "cus_1", found=(None,))
    with pytest.raises(failure):  # type: ignore[call-overload]
        ask(row, stripe)

    assert ask(row, stripe) == "cus_1"

    assert stripe.keys == [f"customer:{row.pk}"] * 2


def test_what_is_found_is_not_made_again(row: StripeCustomer) -> None:
    stripe = Stripe(ProviderUnclear(), found=("cus_1",))
    with pytest.raises(ProviderUnclear):
        ask(row, stripe)
    assert (ask(row, stripe), len(stripe.keys)) == ("cus_1", 1)


@pytest.mark.parametrize("failure", [IdempotencyKeyExhausted, IdempotencyKeyReused])
def test_a_spent_key_looks_again_before_the_next(row: StripeCustomer, failure: type[Exception]) -> None:
    """The first request was still at work when we looked, and ended before we asked again."""
    stripe = Stripe(ProviderUnclear(), failure(), found=(None, "cus_1"))
    with pytest.raises(ProviderUnclear):
        ask(row, stripe)

    assert ask(row, stripe) == "cus_1"

    assert stripe.keys == [f"customer:{row.pk}"] * 2


def test_a_spent_key_that_left_nothing_gives_way_to_the_next(row: StripeCustomer) -> None:
    stripe = Stripe(IdempotencyKeyExhausted(), "cus_1", found=(None,))
    assert ask(row, stripe) == "cus_1"
    assert stripe.keys == [f"customer:{row.pk}", f"customer:{row.pk}:2"]


def test_a_forgotten_key_gives_way_after_a_look(row: StripeCustomer) -> None:
    stripe = Stripe(ProviderUnclear(), "cus_1", found=(None,))
    with pytest.raises(ProviderUnclear):
        ask(row, stripe)

    assert ask(row, stripe, later=True) == "cus_1"

    assert stripe.keys == [f"customer:{row.pk}", f"customer:{row.pk}:2"]


def test_a_refusal_is_not_asked_for_again_under_its_key(row: StripeCustomer) -> None:
    stripe = Stripe(InvalidRequest("no"), "cus_1", found=(None,))
    with pytest.raises(InvalidRequest):
        ask(row, stripe)

    assert ask(row, stripe) == "cus_1"

    assert stripe.keys == [f"customer:{row.pk}", f"customer:{row.pk}:2"]


def test_the_first_id_that_is_committed_counts(row: StripeCustomer) -> None:
    assert keep(row, "cus_1") == "cus_1"
    assert keep(StripeCustomer.objects.get(pk=row.pk), "cus_2") == "cus_1"
