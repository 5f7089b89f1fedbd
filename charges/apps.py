from __future__ import annotations

from django.apps import AppConfig

from integrations import logs


class ChargesConfig(AppConfig):
    name = "charges"

    def ready(self) -> None:
        logs.register_token_path("/pay/")
        logs.register_token_path("/cancel/")
