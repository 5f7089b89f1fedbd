"""The input and output of plan changes as JSON. Help texts appear in the OpenAPI schema."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from integrations.web.fields import StrictCharField, StrictIntegerField, StrictUUIDField
from integrations.web.serializers import StrictSerializer
from orders.api.serializers import MAX_QUANTITY, OrderOutput
from orders.models import OrderLine, Quote
from orders.operations.plan_changes.placing import Outcome
from orders.operations.plan_changes.quotes import Wish
from subscriptions.models import PendingChange

NOW = "now"
# The API says "now": a change is made at once, or as soon as it is paid.
TIMES = {NOW: PendingChange.When.PAYMENT, PendingChange.When.PERIOD_END.value: PendingChange.When.PERIOD_END}
NAMES = {when: name for name, when in TIMES.items()}


class QuoteInput(StrictSerializer):
    plan = StrictCharField(
        max_length=50, required=False, help_text="The code of another plan in the same currency. Left out: the same."
    )
    quantity = StrictIntegerField(
        min_value=1, max_value=MAX_QUANTITY, required=False, help_text="Left out: the same quantity."
    )
    when = serializers.ChoiceField(
        choices=list(TIMES),
        required=False,
        help_text="Left out: a change that costs more is made now, one that costs less at the end of the period.",
    )

    def wish(self) -> Wish:
        """The customer's wish."""
        asked = self.validated_data
        when = asked.get("when")
        return Wish(plan=asked.get("plan"), quantity=asked.get("quantity"), when=TIMES[when] if when else None)


class QuotedLine(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=OrderLine.Kind.choices)
    amount = serializers.IntegerField(help_text="In minor units of the currency. Negative: in the customer's favor.")


class QuoteOutput(serializers.Serializer[Any]):
    quote = serializers.UUIDField(source="pk", help_text="Send it to `change/`.")
    expires_at = serializers.DateTimeField()
    plan = serializers.CharField(source="price.plan.code")
    quantity = serializers.IntegerField()
    currency = serializers.CharField(help_text="ISO 4217. All amounts are in its minor units.")
    when = serializers.SerializerMethodField(help_text="`now` or `period_end`.")
    applies_at = serializers.DateTimeField(help_text="When the change applies. If it costs something: when it is paid.")
    lines = serializers.SerializerMethodField()
    amount_due = serializers.IntegerField(source="amount", help_text="What is charged now: the sum of the lines.")
    credit = serializers.IntegerField(
        source="balance", help_text="Added to the balance, which the next orders use. Negative: taken from it."
    )
    next_renewal_amount = serializers.IntegerField(source="next_amount")
    next_renewal_at = serializers.DateTimeField(source="next_at")

    @extend_schema_field({"type": "string", "enum": list(TIMES)})
    def get_when(self, quote: Quote) -> str:
        return NAMES[PendingChange.When(quote.when)]

    @extend_schema_field(QuotedLine(many=True))
    def get_lines(self, quote: Quote) -> list[dict[str, Any]]:
        Kind = OrderLine.Kind
        new_price = Kind.PERIOD if quote.begins_period else Kind.DEBIT
        amounts = ((Kind.UNUSED, quote.unused), (new_price, quote.debit), (Kind.BALANCE, quote.balance))
        return [{"kind": kind.value, "amount": amount} for kind, amount in amounts if amount]


class ChangeInput(StrictSerializer):
    quote = StrictUUIDField(help_text="The `quote` that `preview/` returned.")


class ChangeOutput(serializers.Serializer[Any]):
    outcome = serializers.ChoiceField(choices=[outcome.value for outcome in Outcome])
    applies_at = serializers.DateTimeField(allow_null=True, help_text="Null: when the order is paid.")
    order = OrderOutput(allow_null=True, help_text="The order of the change. Null: it has none.")
