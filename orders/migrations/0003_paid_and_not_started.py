from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    # Every checkout writes to this table: the index is built beside it, without a lock that they would wait for.
    atomic = False

    dependencies = [("orders", "0002_payments_repaired")]

    operations = [
        AddIndexConcurrently(
            model_name="order",
            index=models.Index(
                fields=["paid_at"],
                condition=models.Q(("fulfilment_started_at__isnull", True), ("paid_at__isnull", False)),
                name="order_paid_not_started",
            ),
        ),
    ]
