from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Coalesce


class Migration(migrations.Migration):
    # Every checkout writes to this table: the index is built beside it, without a lock that they would wait for.
    atomic = False

    dependencies = [("outbox", "0002_notify")]

    operations = [
        AddIndexConcurrently(
            model_name="outboxmessage",
            index=models.Index(
                models.F("task"),
                Coalesce(
                    KeyTextTransform("webhook_event_id", "kwargs"),
                    KeyTextTransform("refund_id", "kwargs"),
                    KeyTextTransform("order_id", "kwargs"),
                ),
                condition=models.Q(("queue", "ChargesQueue")),
                name="outbox_about",
            ),
        ),
        # What is in an expression is unknown to the planner until the table is analyzed.
        migrations.RunSQL("ANALYZE outbox_outboxmessage", migrations.RunSQL.noop),
    ]
