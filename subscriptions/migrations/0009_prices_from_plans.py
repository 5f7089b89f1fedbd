from django.conf import settings
from django.db import migrations

PRICES = """
INSERT INTO subscriptions_price
    (id, plan_id, version, amount, currency, interval, interval_count, created_at, created_by_kind, created_by)
SELECT gen_random_uuid(), id, 1, amount, currency, interval, interval_count, now(), 'system', 'migration'
FROM subscriptions_plan
"""
SUBSCRIPTIONS = """
UPDATE subscriptions_subscription s
SET price_id = p.id, time_zone = %s, anchor_at = s.current_period_start,
    renews_at = CASE WHEN s.status <> 'canceled' THEN s.current_period_end END
FROM subscriptions_price p WHERE p.plan_id = s.plan_id AND p.version = 1
"""


def forward(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(PRICES)
        cursor.execute(SUBSCRIPTIONS, [settings.SHOP_TIME_ZONE])


class Migration(migrations.Migration):
    """Each plan's price becomes version 1, and each subscription gets it."""

    dependencies = [
        ('subscriptions', '0008_prices_and_periods'),
    ]

    operations = [
        migrations.RunPython(forward, migrations.RunPython.noop),
    ]
