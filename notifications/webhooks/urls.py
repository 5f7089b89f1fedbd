from __future__ import annotations

from django.urls import path

from notifications.webhooks import views

urlpatterns = [path("brevo/", views.brevo_webhook, name="webhook-brevo")]
