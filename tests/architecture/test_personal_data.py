"""Each column that can hold text is listed as personal or as harmless, so that no erasure forgets a new column.

If this test fails because of a new column, decide: can it name or describe a person? If so, list it under ``PERSONAL``,
erase it in the app's ``erasing`` module (or ``own_part`` of subscriptions), add it to the copy of the customer's data,
and give it a value in ``tests/functional/test_erase_my_account.py``. Otherwise list it under ``HARMLESS``.
"""

from __future__ import annotations

from collections.abc import Iterator

from django.apps import apps
from django.contrib.postgres.fields import ArrayField
from django.db import models

TEXT = (models.CharField, models.TextField, models.JSONField, models.BinaryField, models.GenericIPAddressField)

# The columns that an erasure empties, shortens or replaces.
PERSONAL = {
    "admin.LogEntry": "object_repr change_message",
    "django_celery_results.TaskResult": "task_args task_kwargs result traceback meta",
    "inbox.WebhookEvent": "payload",
    "subscriptions.User": "email password",
    "subscriptions.Customer": "email email_key name phone",
    "subscriptions.LoginRequest": "email_key browser_hash",
    "subscriptions.EmailChange": "email email_key old_email",
    "subscriptions.Subscription": "shipping_address",
    "subscriptions.CommandKey": "key request_hash",
    "subscriptions.Erasure": "email earlier_emails phones",
    "orders.Order": "shipping_address contact_name contact_phone",
    "charges.SavedPaymentMethod": "brand last4 fingerprint failure_code",
    "charges.Refund": "note",
    "notifications.ContactSync": "external_id",
    "notifications.Suppression": "address_key",
}
# Ids, codes, hashes under a secret key, names that staff or the shop gave. A column with choices need not be listed.
HARMLESS = {
    "admin.LogEntry": "object_id",
    "auth.Permission": "name codename",
    "auth.Group": "name",
    "contenttypes.ContentType": "app_label model",
    # Readable only with the key of the session, which ends with the login.
    "sessions.Session": "session_key session_data",
    "django_celery_results.TaskResult": "task_id periodic_task_name task_name status worker "
    "content_type content_encoding",
    "django_celery_results.ChordCounter": "group_id sub_tasks",
    "django_celery_results.GroupResult": "group_id content_type content_encoding result",
    # Messages carry ids and small scalars (integrations/outbox/events.py).
    "outbox.OutboxMessage": "task queue kwargs headers subject_type group deduplication_key last_error",
    "inbox.WebhookEvent": "event_id type outcome",
    "subscriptions.Customer": "locale",
    "subscriptions.AttemptCount": "scope key_hash",
    "subscriptions.ApiKey": "name prefix key_hash scopes",
    "subscriptions.Plan": "code name",
    "subscriptions.Price": "currency created_by",
    "subscriptions.Subscription": "payment_method time_zone cancel_reason",
    "subscriptions.Hold": "placed_by lifted_by",
    "subscriptions.SubscriptionChange": "reason actor details",
    "subscriptions.Erasure": "requested_by waits_for certificate",
    "subscriptions.ErasureStep": "name reference last_error detail",
    "subscriptions.PendingChange": "reason actor",
    "subscriptions.Skip": "actor",
    # An HMAC that proves that a trial was used; it is kept on purpose.
    "subscriptions.TrialUse": "digest",
    "orders.Order": "number currency payment_method contact_locale",
    "orders.OrderLine": "description",
    "orders.BalanceEntry": "currency actor",
    "orders.Quote": "currency",
    # Ids and amounts, for 24 hours: a repeated request must not place its order again.
    "orders.StoredResponse": "caller key request_hash response",
    "charges.StripeCustomer": "stripe_id",
    "charges.SavedPaymentMethod": "payment_method_id stripe_id",
    "charges.Charge": "currency payment_method payment_intent_id stripe_charge_id",
    "charges.ChargeAttempt": "idempotency_key payment_method code decline_code advice_code network_advice_code "
    "network_decline_code stripe_charge_id task_id",
    "charges.Dispute": "stripe_id currency status reason policy_applied",
    "charges.DunningRun": "schedule reason",
    "charges.FetchMark": "name",
    "charges.ReconciliationRun": "cursor counts",
    "charges.ReconciliationFinding": "stripe_id details next_step resolution",
    "charges.SeenAtStripe": "stripe_id",
    "charges.Refund": "stripe_id failure_code command_key command_hash",
    "notifications.Notification": "dedup_key provider_message_id error_code",
    "notifications.ContactSync": "last_error",
    "notifications.RateLimit": "name",
}


def text_columns() -> Iterator[tuple[str, str]]:
    for model in apps.get_models():
        for field in model._meta.concrete_fields:
            if isinstance(field, (*TEXT, ArrayField)) and not field.choices:
                yield model._meta.label, field.name


def listed(columns: dict[str, str]) -> set[tuple[str, str]]:
    return {(model, name) for model, names in columns.items() for name in names.split()}


def test_each_text_column_is_listed_as_personal_or_as_harmless() -> None:
    assert set(text_columns()) - listed(PERSONAL) - listed(HARMLESS) == set()


def test_the_lists_name_each_column_once_and_no_other() -> None:
    assert listed(PERSONAL) & listed(HARMLESS) == set()
    assert listed(PERSONAL) | listed(HARMLESS) == set(text_columns())
