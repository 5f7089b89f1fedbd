"""A command with a key is carried out once."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import IntegrityError, transaction

from subscriptions.models import CommandKey, Plan, Subscription
from subscriptions.operations import commands
from subscriptions.operations.commands import Command, KeyReused
from tests.support.factories import make_customer, started_subscription

pytestmark = pytest.mark.django_db

NOW = dt.datetime(2026, 1, 31, 12, tzinfo=dt.UTC)
COMMAND = Command(key="k", request_hash="h")


@pytest.fixture
def subscription(coffee: Plan) -> Subscription:
    return started_subscription(coffee, at=NOW)


def begin(subscription: Subscription, command: Command | None = COMMAND) -> bool:
    return commands.begin(subscription=subscription, command=command, at=NOW)


def test_the_same_key_begins_once(subscription: Subscription) -> None:
    assert [begin(subscription), begin(subscription)] == [True, False]


def test_a_key_with_other_contents_is_refused(subscription: Subscription) -> None:
    begin(subscription)
    with pytest.raises(KeyReused):
        begin(subscription, Command(key="k", request_hash="another"))


def test_keys_belong_to_one_subscription(subscription: Subscription, coffee: Plan) -> None:
    begin(subscription)
    assert begin(started_subscription(coffee, at=NOW, customer=make_customer(email="bob@example.com")))


def test_a_command_without_a_key_always_begins(subscription: Subscription) -> None:
    assert [begin(subscription, None), begin(subscription, None)] == [True, True]
    assert not CommandKey.objects.exists()


def test_the_database_refuses_a_second_row_for_a_key(subscription: Subscription) -> None:
    begin(subscription)
    with pytest.raises(IntegrityError), transaction.atomic():
        CommandKey.objects.create(subscription=subscription, key="k", request_hash="h")
