"""``me/orders/``: a customer's own orders."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import exceptions, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from integrations.web.pagination import CURSOR_PARAMETER, NewestFirst
from orders import queries, status_tokens
from orders.models import Order, OrderLine, as_order_number
from subscriptions.api.customer_views import ACCOUNT_PROBLEMS, ACTS_FOR_PARAMETER, NO_STORE, CustomerView


class OwnOrderLine(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=OrderLine.Kind.choices)
    description = serializers.CharField()
    quantity = serializers.IntegerField()
    unit_amount = serializers.IntegerField(help_text="In minor units of the order's currency.")
    amount = serializers.IntegerField(help_text="In minor units of the order's currency.")


class OwnOrder(serializers.Serializer[Any]):
    number = serializers.CharField()
    kind = serializers.ChoiceField(choices=Order.Kind.choices)
    status = serializers.ChoiceField(choices=Order.Status.choices)
    amount = serializers.IntegerField(help_text="In minor units of the currency: 1290 in EUR is 12.90 euros.")
    currency = serializers.CharField(help_text="ISO 4217.")
    subscription = serializers.UUIDField(source="subscription_id")
    lines = OwnOrderLine(many=True)
    period_start = serializers.DateTimeField()
    period_end = serializers.DateTimeField()
    placed_at = serializers.DateTimeField()
    paid_at = serializers.DateTimeField(allow_null=True)
    fulfilled_at = serializers.DateTimeField(allow_null=True)
    canceled_at = serializers.DateTimeField(allow_null=True)
    status_url = serializers.SerializerMethodField(help_text="Follow and pay the order here. Keep it to the customer.")

    def get_status_url(self, order: Order) -> str:
        token = status_tokens.token_of(order_id=order.pk)
        return reverse("api-order-status", kwargs={"token": token}, request=self.context["request"])


class OwnOrderPage(serializers.Serializer[Any]):
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = OwnOrder(many=True)


class MyOrdersView(CustomerView):
    http_method_names = ["get", "head", "options"]

    @extend_schema(
        operation_id="my_orders",
        summary="List the orders",
        description="Newest first, 50 a page.",
        parameters=[ACTS_FOR_PARAMETER, CURSOR_PARAMETER],
        responses={200: OwnOrderPage, **ACCOUNT_PROBLEMS},
    )
    def get(self, request: Request) -> Response:
        pages = NewestFirst()
        page = pages.paginate_queryset(queries.orders_of(customer_id=self.customer.pk), request, view=self)
        response = pages.get_paginated_response(OwnOrder(page, many=True, context={"request": request}).data)
        response.headers["Cache-Control"] = "no-store"
        return response


class MyOrderView(CustomerView):
    http_method_names = ["get", "head", "options"]

    @extend_schema(
        operation_id="my_order",
        summary="Read an order",
        parameters=[ACTS_FOR_PARAMETER, OpenApiParameter("number", OpenApiTypes.STR, OpenApiParameter.PATH)],
        responses={200: OwnOrder, **ACCOUNT_PROBLEMS},
    )
    def get(self, request: Request, number: str) -> Response:
        found = queries.orders_of(customer_id=self.customer.pk).filter(number=as_order_number(number))
        order = found.first()
        if order is None:
            raise exceptions.NotFound("There is no such order.")
        return Response(OwnOrder(order, context={"request": request}).data, headers=NO_STORE)
