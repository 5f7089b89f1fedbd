from __future__ import annotations

from django.urls import path

from charges.api.payments import PaymentCardView, PaymentView
from charges.api.refunds import RefundsView, RefundView
from charges.api.setup_intents import SetupIntentsView

urlpatterns = [
    path("setup-intents/", SetupIntentsView.as_view(), name="api-setup-intents"),
    path("orders/status/<str:token>/payment/", PaymentView.as_view(), name="api-payment"),
    path("orders/status/<str:token>/payment/card/", PaymentCardView.as_view(), name="api-payment-card"),
    path("refunds/", RefundsView.as_view(), name="api-refunds"),
    path("refunds/<uuid:refund_id>/", RefundView.as_view(), name="api-refund"),
]
