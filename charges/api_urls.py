from __future__ import annotations

from django.urls import path

from charges.refunds_api import RefundsView, RefundView

urlpatterns = [
    path("refunds/", RefundsView.as_view(), name="refunds"),
    path("refunds/<uuid:refund_id>/", RefundView.as_view(), name="refund"),
]
