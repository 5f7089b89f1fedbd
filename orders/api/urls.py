from __future__ import annotations

from django.urls import path

from orders.api.balances import BalanceView
from orders.api.changes import ChangeView, PreviewView
from orders.api.me import MyOrdersView, MyOrderView
from orders.api.my_subscription import PauseView, ReinstateView, ResumeView
from orders.api.views import CheckoutView, OrderStatusView, PlansView

urlpatterns = [
    path("checkout/", CheckoutView.as_view(), name="api-checkout"),
    path("orders/status/<str:token>/", OrderStatusView.as_view(), name="api-order-status"),
    path("plans/", PlansView.as_view(), name="api-plans"),
    path("me/subscriptions/<uuid:subscription_id>/balance/", BalanceView.as_view(), name="api-my-balance"),
    path("me/subscriptions/<uuid:subscription_id>/preview/", PreviewView.as_view(), name="api-preview-change"),
    path("me/subscriptions/<uuid:subscription_id>/change/", ChangeView.as_view(), name="api-change-subscription"),
    path("me/orders/", MyOrdersView.as_view(), name="api-my-orders"),
    path("me/orders/<str:number>/", MyOrderView.as_view(), name="api-my-order"),
    path("me/subscriptions/<uuid:subscription_id>/pause/", PauseView.as_view(), name="api-pause-subscription"),
    path(
        "me/subscriptions/<uuid:subscription_id>/reinstate/", ReinstateView.as_view(), name="api-reinstate-subscription"
    ),
    path("me/subscriptions/<uuid:subscription_id>/resume/", ResumeView.as_view(), name="api-resume-subscription"),
]
