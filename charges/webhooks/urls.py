from __future__ import annotations

from django.urls import path

from charges.webhooks import views

urlpatterns = [path("stripe/", views.stripe_webhook, name="webhook-stripe")]
