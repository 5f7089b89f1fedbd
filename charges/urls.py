from __future__ import annotations

from django.urls import path

from charges import webhooks

urlpatterns = [path("stripe/", webhooks.stripe_webhook, name="stripe-webhook")]
