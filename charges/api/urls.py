from __future__ import annotations

from django.urls import path

from charges.api.me import MyDefaultPaymentMethodView, MyPaymentMethodsView, MyPaymentMethodView
from charges.api.my_subscription import CancelView
from charges.api.payments import PaymentMethodView, PaymentView
from charges.api.refunds import RefundsView, RefundView
from charges.api.setup_intents import SetupIntentsView

urlpatterns = [
    path("setup-intents/", SetupIntentsView.as_view(), name="api-setup-intents"),
    path("orders/status/<str:token>/payment/", PaymentView.as_view(), name="api-payment"),
    path("orders/status/<str:token>/payment/payment-method/", PaymentMethodView.as_view(), name="api-payment-method"),
    path("me/payment-methods/", MyPaymentMethodsView.as_view(), name="api-my-payment-methods"),
    path(
        "me/payment-methods/<uuid:saved_payment_method_id>/",
        MyPaymentMethodView.as_view(),
        name="api-my-payment-method",
    ),
    path(
        "me/payment-methods/<uuid:saved_payment_method_id>/default/",
        MyDefaultPaymentMethodView.as_view(),
        name="api-my-default-payment-method",
    ),
    path(
        "me/subscriptions/<uuid:subscription_id>/cancel/", CancelView.as_view(), name="api-cancel-subscription"
    ),
    path("refunds/", RefundsView.as_view(), name="api-refunds"),
    path("refunds/<uuid:refund_id>/", RefundView.as_view(), name="api-refund"),
]
