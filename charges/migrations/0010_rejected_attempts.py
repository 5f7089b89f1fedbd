from django.db import migrations, models

RENAME = [
    "UPDATE charges_chargeattempt SET status = 'rejected' WHERE status = 'refused'",
    "UPDATE charges_refund SET failure_code = 'rejected' || substr(failure_code, 8) WHERE failure_code LIKE 'refused:%'",
]
RESTORE = [
    "UPDATE charges_chargeattempt SET status = 'refused' WHERE status = 'rejected'",
    "UPDATE charges_refund SET failure_code = 'refused' || substr(failure_code, 9) WHERE failure_code LIKE 'rejected:%'",
]


class Migration(migrations.Migration):

    dependencies = [
        ('charges', '0009_plain_texts_and_constraints'),
    ]

    operations = [
        migrations.RunSQL(RENAME, RESTORE),
        migrations.AlterField(
            model_name='chargeattempt',
            name='status',
            field=models.CharField(choices=[('started', 'Started: no response yet'), ('unknown', 'Unknown: Stripe did not respond'), ('processing', 'Processing'), ('requires_action', 'Requires Action'), ('succeeded', 'Succeeded'), ('declined', 'Declined'), ('rejected', 'Rejected: Stripe rejected the request'), ('canceled', 'Canceled'), ('without_effect', 'Without effect: its key is exhausted, and the intent shows no effect')], default='started', max_length=20),
        ),
    ]
