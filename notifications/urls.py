from __future__ import annotations

from django.urls import path

from notifications import webhooks

urlpatterns = [path("brevo/", webhooks.brevo, name="brevo-webhook")]
