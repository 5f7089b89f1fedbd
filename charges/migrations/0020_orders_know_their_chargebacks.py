"""Copy what banks have taken back of each order from the disputes about its charge."""

from django.db import migrations

COPY = """
    UPDATE orders_order AS o SET amount_charged_back = least(o.amount, taken.amount)
    FROM (
        SELECT c.order_id, sum(CASE WHEN d.currency = c.currency THEN d.amount ELSE c.amount END) AS amount
        FROM charges_dispute AS d JOIN charges_charge AS c ON c.id = d.charge_id
        WHERE d.funds = 'withdrawn' GROUP BY c.order_id
    ) AS taken
    WHERE taken.order_id = o.id
"""


class Migration(migrations.Migration):
    dependencies = [("charges", "0019_orders_know_their_refunds"), ("orders", "0015_orders_know_their_chargebacks")]

    operations = [migrations.RunSQL(COPY, migrations.RunSQL.noop)]
