from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    # Every checkout writes to this table: a concurrent build does not lock out its writers.
    atomic = False

    dependencies = [("outbox", "0004_live_messages_of_orders")]

    operations = [
        migrations.AddField(
            model_name="outboxmessage",
            name="subject_type",
            field=models.CharField(blank=True, max_length=40),
        ),
        migrations.AddField(
            model_name="outboxmessage",
            name="subject_id",
            field=models.UUIDField(default=None, null=True),
        ),
        AddIndexConcurrently(
            model_name="outboxmessage",
            index=models.Index(
                condition=models.Q(("subject_id__isnull", False)),
                fields=["subject_id", "task"],
                name="outbox_subject",
            ),
        ),
        RemoveIndexConcurrently(model_name="outboxmessage", name="outbox_about_swept"),
    ]
