from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Coalesce


class Migration(migrations.Migration):
    # The OrdersQueue is swept as well. The old index serves the sweeps until the new one, beside it, is there.
    atomic = False

    dependencies = [("outbox", "0003_live_messages")]

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
                condition=models.Q(("queue__in", ["ChargesQueue", "OrdersQueue"])),
                name="outbox_about_swept",
            ),
        ),
        RemoveIndexConcurrently(model_name="outboxmessage", name="outbox_about"),
        # What is in an expression is unknown to the planner until the table is analyzed.
        migrations.RunSQL("ANALYZE outbox_outboxmessage", migrations.RunSQL.noop),
    ]
