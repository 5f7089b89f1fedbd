from django.db import migrations

PERIODS = """
INSERT INTO subscriptions_billingperiod (id, subscription_id, number, start, "end", outcome, at)
SELECT gen_random_uuid(), subscription_id,
       row_number() OVER (PARTITION BY subscription_id ORDER BY period_start) - 1,
       period_start, period_end, 'billed', placed_at
FROM orders_order
"""
ORDERS = """
UPDATE orders_order o SET period_id = p.id, kind = CASE p.number WHEN 0 THEN 'first' ELSE 'renewal' END
FROM subscriptions_billingperiod p
WHERE p.subscription_id = o.subscription_id AND p.start = o.period_start
"""
# The current period of a subscription is the one of its latest order.
SUBSCRIPTIONS = """
UPDATE subscriptions_subscription s
SET anchor_at = first.start, period_number = last.number,
    current_period_start = last.start, current_period_end = last."end",
    renews_at = CASE WHEN s.renews_at IS NOT NULL THEN last."end" END
FROM subscriptions_billingperiod first,
     (SELECT DISTINCT ON (subscription_id) * FROM subscriptions_billingperiod
      ORDER BY subscription_id, number DESC) last
WHERE first.subscription_id = s.id AND first.number = 0 AND last.subscription_id = s.id
"""


class Migration(migrations.Migration):
    """Each order so far was for one billing period: the period gets its row, and the order its kind."""

    dependencies = [
        ('orders', '0008_kinds_and_periods'),
        ('subscriptions', '0010_prices_leave_the_plan'),
    ]

    operations = [
        migrations.RunSQL([PERIODS, ORDERS, SUBSCRIPTIONS], migrations.RunSQL.noop),
    ]
