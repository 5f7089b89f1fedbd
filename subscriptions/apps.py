from __future__ import annotations

from django.apps import AppConfig

from integrations import logs


class SubscriptionsConfig(AppConfig):
    name = "subscriptions"

    def ready(self) -> None:
        logs.register_token_path("/login/email/")
        logs.register_token_path("/login/")
        logs.register_token_path("/erasures/")
        logs.register_token_path("/erasure/")
