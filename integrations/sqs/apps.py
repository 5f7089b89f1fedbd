from __future__ import annotations

from django.apps import AppConfig


class SqsConfig(AppConfig):
    name = "integrations.sqs"
    label = "sqs"
    verbose_name = "Amazon SQS"
