"""Copy what was refunded of each order from its charge."""

from django.db import migrations

COPY = """
    UPDATE orders_order AS o SET amount_refunded = c.amount_refunded
    FROM charges_charge AS c WHERE c.order_id = o.id AND c.amount_refunded > 0
"""


class Migration(migrations.Migration):
    dependencies = [("charges", "0018_trials_save_cards"), ("orders", "0013_quotes_of_changes")]

    operations = [migrations.RunSQL(COPY, migrations.RunSQL.noop)]
