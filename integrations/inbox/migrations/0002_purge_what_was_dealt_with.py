from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    # Every webhook writes to this table: the index is built beside it, without a lock that they would wait for.
    atomic = False

    dependencies = [("inbox", "0001_initial")]

    operations = [
        AddIndexConcurrently(
            model_name="webhookevent",
            index=models.Index(
                fields=["processed_at"], condition=models.Q(("processed_at__isnull", False)), name="webhook_processed"
            ),
        ),
    ]
