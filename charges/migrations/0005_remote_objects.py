from django.db import migrations, models

MODELS = ("charge", "refund", "savedcard", "stripecustomer")


def renamed(model):
    return [
        migrations.RenameField(model_name=model, old_name="key_number", new_name="key_version"),
        migrations.RenameField(model_name=model, old_name="asked_at", new_name="creation_requested_at"),
        migrations.AlterField(
            model_name=model,
            name="key_version",
            field=models.PositiveSmallIntegerField(default=1, help_text="Version of the idempotency key in use."),
        ),
        migrations.AlterField(
            model_name=model,
            name="creation_requested_at",
            field=models.DateTimeField(default=None, help_text="When this key was first sent to Stripe.", null=True),
        ),
    ]


class Migration(migrations.Migration):
    dependencies = [("charges", "0004_attempt_confirmed_at")]

    operations = [operation for model in MODELS for operation in renamed(model)]
