from __future__ import annotations

from django.urls import path

from charges.api.payments import PaymentMethodView, PaymentView
from charges.api.refunds import RefundsView, RefundView
from charges.api.setup_intents import SetupIntentsView

urlpatterns = [
    path("setup-intents/", SetupIntentsView.as_view(), name="api-setup-intents"),
    path("orders/status/<str:token>/payment/", PaymentView.as_view(), name="api-payment"),
    path("orders/status/<str:token>/payment/payment-method/", PaymentMethodView.as_view(), name="api-payment-method"),
    path("refunds/", RefundsView.as_view(), name="api-refunds"),
    path("refunds/<uuid:refund_id>/", RefundView.as_view(), name="api-refund"),
]
