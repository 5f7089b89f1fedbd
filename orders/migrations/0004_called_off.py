from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    # Every checkout writes to this table: the index is built beside it, without a lock that they would wait for.
    atomic = False

    dependencies = [("orders", "0003_paid_and_not_started")]

    operations = [
        AddIndexConcurrently(
            model_name="order",
            index=models.Index(
                fields=["canceled_at"], condition=models.Q(("status", "canceled")), name="order_called_off"
            ),
        ),
    ]
