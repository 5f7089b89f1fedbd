from __future__ import annotations

from django.apps import AppConfig

from integrations import logs


class OrdersConfig(AppConfig):
    name = "orders"

    def ready(self) -> None:
        logs.register_token_path("/orders/status/")
