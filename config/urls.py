"""All URLs of the shop: the root of each API, of the payment page and of the webhooks."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from config.health import healthz, readyz

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="api-docs")),
    path("api/v1/", include("subscriptions.api.urls")),
    path("api/v1/", include("orders.api.urls")),
    path("api/v1/", include("charges.api.urls")),
    path("api/v1/schema/", SpectacularAPIView.as_view(), name="api-schema"),
    path("api/v1/docs/", SpectacularSwaggerView.as_view(url_name="api-schema"), name="api-docs"),
    path("login/", include("subscriptions.login_pages.urls")),
    path("erasure/", include("subscriptions.erasure_page.urls")),
    path("cancel/", include("charges.cancel_page.urls")),
    path("pay/", include("charges.payment_page.urls")),
    path("webhooks/", include("charges.webhooks.urls")),
    path("webhooks/", include("notifications.webhooks.urls")),
    path("admin/", admin.site.urls),
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
]

handler400 = "config.errors.bad_request"
handler403 = "config.errors.permission_denied"
handler404 = "config.errors.not_found"
handler500 = "config.errors.server_error"
