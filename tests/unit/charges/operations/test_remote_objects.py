from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from charges.models import StripeCustomer
from charges.operations.remote_objects import KEY_LIFE, Result, get_or_create, save_id
from integrations.errors import ProviderUnavailable, ProviderUnclear
from integrations.stripe.errors import IdempotencyKeyExhausted, IdempotencyKeyReused, InvalidRequest
from tests.support.days import NOW
from tests.support.factories import place_order

pytestmark = pytest.mark.django_db


@dataclass(frozen=True)
class Remote:
    id: str


@pytest.fixture
def row() -> StripeCustomer:
    return StripeCustomer.objects.create(customer=place_order().customer)


class Stripe:
    """Returns scripted responses, and keeps the idempotency keys that it received."""

    def __init__(self, *responses: str | Exception, found: tuple[str | None, ...] = ()) -> None:
        self.responses, self.found = list(responses), list(found)
        self.keys: list[str] = []

    def create(self, key: str) -> Remote:
        self.keys.append(key)
        response = self.responses.pop(0)
        if isinstance(response, Exception):
            raise response
        return Remote(response)

    def find(self) -> Remote | None:
        found = self.found.pop(0)
        return Remote(found) if found else None


def call(row: StripeCustomer, stripe: Stripe, *, later: bool = False) -> Result[Remote]:
    row = StripeCustomer.objects.get(pk=row.pk)
    return get_or_create(row, find=stripe.find, create=stripe.create, at=NOW + 2 * KEY_LIFE if later else NOW)


def test_the_object_is_created_once_and_its_id_is_saved(row: StripeCustomer) -> None:
    stripe = Stripe("cus_1")
    assert call(row, stripe) == Result(id="cus_1", object=Remote("cus_1"))
    assert call(row, stripe, later=True) == Result(id="cus_1"), "Stripe is not asked a second time"
    assert stripe.keys == [f"customer:{row.pk}"]


@pytest.mark.parametrize("failure", [ProviderUnclear, ProviderUnavailable])
def test_an_unclear_response_keeps_the_key(row: StripeCustomer, failure: Callable[[], Exception]) -> None:
    stripe = Stripe(failure(), "cus_1", found=(None,))
    with pytest.raises(failure):  # type: ignore[call-overload]
        call(row, stripe)

    assert call(row, stripe).id == "cus_1"

    assert stripe.keys == [f"customer:{row.pk}"] * 2


def test_a_found_object_is_not_created_again(row: StripeCustomer) -> None:
    stripe = Stripe(ProviderUnclear(), found=("cus_1",))
    with pytest.raises(ProviderUnclear):
        call(row, stripe)
    assert (call(row, stripe), len(stripe.keys)) == (Result(id="cus_1", object=Remote("cus_1")), 1)


@pytest.mark.parametrize("failure", [IdempotencyKeyExhausted, IdempotencyKeyReused])
def test_an_exhausted_key_makes_us_look_before_taking_the_next(
    row: StripeCustomer, failure: type[Exception]
) -> None:
    """The first request was still running when we looked, and ended before we sent its key again."""
    stripe = Stripe(ProviderUnclear(), failure(), found=(None, "cus_1"))
    with pytest.raises(ProviderUnclear):
        call(row, stripe)

    assert call(row, stripe).id == "cus_1"

    assert stripe.keys == [f"customer:{row.pk}"] * 2


def test_an_exhausted_key_that_created_nothing_is_replaced(row: StripeCustomer) -> None:
    stripe = Stripe(IdempotencyKeyExhausted(), "cus_1", found=(None,))
    assert call(row, stripe).id == "cus_1"
    assert stripe.keys == [f"customer:{row.pk}", f"customer:{row.pk}:2"]


def test_a_key_that_stripe_has_forgotten_is_replaced_after_a_look(row: StripeCustomer) -> None:
    stripe = Stripe(ProviderUnclear(), "cus_1", found=(None,))
    with pytest.raises(ProviderUnclear):
        call(row, stripe)

    assert call(row, stripe, later=True).id == "cus_1"

    assert stripe.keys == [f"customer:{row.pk}", f"customer:{row.pk}:2"]


def test_a_rejected_request_is_sent_again_under_another_key(row: StripeCustomer) -> None:
    stripe = Stripe(InvalidRequest("no"), "cus_1", found=(None,))
    with pytest.raises(InvalidRequest):
        call(row, stripe)

    assert call(row, stripe).id == "cus_1"

    assert stripe.keys == [f"customer:{row.pk}", f"customer:{row.pk}:2"]


def test_the_first_saved_id_counts(row: StripeCustomer) -> None:
    assert save_id(row, "cus_1") == "cus_1"
    assert save_id(StripeCustomer.objects.get(pk=row.pk), "cus_2") == "cus_1"


def test_an_object_created_after_another_worker_saved_one_is_a_duplicate(row: StripeCustomer) -> None:
    late = StripeCustomer.objects.get(pk=row.pk)
    save_id(row, "cus_1")
    stripe = Stripe("cus_2")
    result = get_or_create(late, find=stripe.find, create=stripe.create, at=NOW)
    assert result == Result(id="cus_1", duplicate=Remote("cus_2"))


def test_an_object_that_was_only_found_is_not_a_duplicate(row: StripeCustomer) -> None:
    stripe = Stripe(ProviderUnclear(), found=("cus_2",))
    with pytest.raises(ProviderUnclear):
        call(row, stripe)
    late = StripeCustomer.objects.get(pk=row.pk)
    save_id(row, "cus_1")
    assert get_or_create(late, find=stripe.find, create=stripe.create, at=NOW) == Result(id="cus_1")
