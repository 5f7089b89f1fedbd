from django.db import migrations, models
from django.db.models import F

OPEN = ("started", "unknown", "processing", "requires_action")


def may_have_been_confirmed(apps, schema_editor):
    """Nobody has written down which of the open attempts were, and what Stripe says of them is believed still."""
    attempts = apps.get_model("charges", "ChargeAttempt").objects.using(schema_editor.connection.alias)
    attempts.filter(status__in=OPEN, confirmed_at=None).update(confirmed_at=F("started_at"))


class Migration(migrations.Migration):

    dependencies = [
        ('charges', '0003_reconciliation'),
    ]

    operations = [
        migrations.AddField(
            model_name='chargeattempt',
            name='confirmed_at',
            field=models.DateTimeField(default=None, help_text='When Stripe was first asked to confirm; empty where it never was.', null=True),
        ),
        migrations.RunPython(may_have_been_confirmed, migrations.RunPython.noop),
    ]
