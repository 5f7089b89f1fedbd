"""Foreign keys point downward, and a lower app has no name for the rows of a higher app that point to it."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.db import models

# From the lowest app to the highest.
ORDER = ["inbox", "outbox", "sqs", "subscriptions", "orders", "charges", "notifications"]


def relations() -> list[models.Field]:
    """Every relation between two of our models."""
    return [
        field
        for model in apps.get_models()
        for field in (*model._meta.fields, *model._meta.many_to_many)
        if field.related_model is not None
        and {model._meta.app_label, field.related_model._meta.app_label} <= set(ORDER)
    ]


def height(model: type[models.Model]) -> int:
    return ORDER.index(model._meta.app_label)


def has_upward_name(field: models.Field) -> bool:
    """Whether a lower app can reach the rows of a higher app through this relation."""
    return height(field.model) > height(field.related_model) and not field.remote_field.hidden


@pytest.mark.parametrize("field", relations(), ids=str)
def test_foreign_keys_point_downward(field: models.Field) -> None:
    assert height(field.related_model) <= height(field.model)


@pytest.mark.parametrize("field", relations(), ids=str)
def test_a_relation_to_a_lower_app_has_no_reverse_name(field: models.Field) -> None:
    assert not has_upward_name(field), f'{field}: set related_name="+", and query from {field.model._meta.label}.'


def test_relations_across_apps_are_checked() -> None:
    across = {str(field) for field in relations() if height(field.model) > height(field.related_model)}
    assert {"charges.Charge.order", "orders.Order.customer", "notifications.Notification.order"} <= across


@pytest.mark.parametrize(("related_name", "is_found"), [("+", False), ("receipts", True), (None, True)])
def test_a_planted_reverse_name_is_found(related_name: str | None, is_found: bool) -> None:
    from orders.models import Order

    field = models.ForeignKey(Order, on_delete=models.CASCADE, related_name=related_name)
    field.model, field.name = apps.get_model("charges", "Charge"), "planted"
    assert has_upward_name(field) is is_found
