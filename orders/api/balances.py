"""``me/subscriptions/{id}/balance/``: the credit of a subscription, or the amount that its next order adds."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from orders import queries
from orders.models import BalanceEntry
from orders.operations.balances import balance_of
from subscriptions.api.customer_views import ACCOUNT_PROBLEMS, ACTS_FOR_PARAMETER, NO_STORE, CustomerView
from subscriptions.api.my_subscription import SUBSCRIPTION_PARAMETER
from subscriptions.queries import subscriptions_of

MAX_ENTRIES = 50


class OwnBalanceEntry(serializers.Serializer[Any]):
    amount = serializers.IntegerField(help_text="In minor units of the currency. Positive: in favor of the customer.")
    reason = serializers.ChoiceField(choices=BalanceEntry.Reason.choices)
    order = serializers.CharField(source="order.number", default=None, allow_null=True, help_text="The order's number.")
    at = serializers.DateTimeField()


class OwnBalance(serializers.Serializer[Any]):
    amount = serializers.IntegerField(
        help_text="In minor units. Above 0: a credit, which the next orders use before the card. Below 0: the next "
        "order adds it, because it was too small for a charge of its own."
    )
    currency = serializers.CharField(help_text="ISO 4217.")
    entries = OwnBalanceEntry(many=True, help_text=f"The last {MAX_ENTRIES}, newest first.")


class BalanceView(CustomerView):
    http_method_names = ["get", "head", "options"]

    @extend_schema(
        operation_id="my_balance",
        summary="Read the balance of a subscription",
        description="A change of plan or quantity leaves a credit, or an amount that is too small to charge.",
        parameters=[ACTS_FOR_PARAMETER, SUBSCRIPTION_PARAMETER],
        responses={200: OwnBalance, **ACCOUNT_PROBLEMS},
    )
    def get(self, request: Request, subscription_id: UUID) -> Response:
        found = subscriptions_of(customer_id=self.customer.pk).filter(pk=subscription_id).first()
        if found is None:
            raise exceptions.NotFound("There is no such subscription.")
        balance = {
            "amount": balance_of(subscription=found),
            "currency": found.price.currency,
            "entries": queries.balance_entries(subscription_id=subscription_id)[:MAX_ENTRIES],
        }
        return Response(OwnBalance(balance).data, headers=NO_STORE)
