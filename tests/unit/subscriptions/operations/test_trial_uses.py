"""One trial for each address and each card."""

from __future__ import annotations

from functools import partial

import pytest

from subscriptions.models import Plan, Subscription, TrialUse
from subscriptions.operations.trial_uses import claim_address, claim_card, mailbox_of, release_address
from tests.support.concurrency import at_once
from tests.support.factories import make_customer, started_subscription


def subscription(plan: Plan, number: int = 1) -> Subscription:
    customer = make_customer(email=f"buyer-{number}@example.com")
    return started_subscription(plan, customer=customer, trial_days=14)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ann@example.com", "Ann@EXAMPLE.com"),
        ("ann@example.com", "ann+trial@example.com"),
        ("ann@example.com", "ann+a+b@example.com"),
        ("ann.lee@gmail.com", "annlee@gmail.com"),
        ("ann.lee@gmail.com", "a.nnlee+x@googlemail.com"),
        ("ann@straße.de", "ann@xn--strae-oqa.de"),
    ],
)
def test_addresses_of_one_mailbox(one: str, other: str) -> None:
    assert mailbox_of(one) == mailbox_of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ann.lee@example.com", "annlee@example.com"),
        ("ann@example.com", "bob@example.com"),
        ("+1@example.com", "+2@example.com"),
        ("ann@gmail.com", "ann@gmail.co"),
    ],
)
def test_addresses_of_two_people(one: str, other: str) -> None:
    assert mailbox_of(one) != mailbox_of(other)


@pytest.mark.django_db
def test_an_address_and_a_card_are_claimed_once(coffee: Plan) -> None:
    first, second = subscription(coffee), subscription(coffee, 2)
    for claim, value in ((claim_address, {"email": "ann@example.com"}), (claim_card, {"fingerprint": "f1"})):
        assert claim(subscription=first, **value)
        assert claim(subscription=first, **value), "a repeated message claims it again"
        assert not claim(subscription=second, **value)
    assert TrialUse.objects.count() == 2


@pytest.mark.django_db
def test_the_rows_contain_no_personal_data(coffee: Plan) -> None:
    claim_address(subscription=subscription(coffee), email="ann@example.com")
    (digest,) = TrialUse.objects.values_list("digest", flat=True)
    assert len(digest) == 64
    assert set(digest) <= set("0123456789abcdef")


@pytest.mark.django_db
def test_a_card_without_a_fingerprint_is_not_recognized(coffee: Plan) -> None:
    assert claim_card(subscription=subscription(coffee), fingerprint="")
    assert claim_card(subscription=subscription(coffee, 2), fingerprint="")
    assert not TrialUse.objects.exists()


@pytest.mark.django_db
def test_a_released_address_may_begin_another_trial(coffee: Plan) -> None:
    first, second = subscription(coffee), subscription(coffee, 2)
    claim_address(subscription=first, email="ann@example.com")
    claim_card(subscription=first, fingerprint="f1")

    release_address(subscription=first)

    assert claim_address(subscription=second, email="ann@example.com")
    assert not claim_card(subscription=second, fingerprint="f1")


@pytest.mark.django_db(transaction=True)
def test_two_claims_at_once(coffee: Plan) -> None:
    rivals = [subscription(coffee, number) for number in range(4)]
    claims = [partial(claim_card, subscription=rival, fingerprint="f1") for rival in rivals]
    assert sorted(at_once(*claims)) == [False, False, False, True]
