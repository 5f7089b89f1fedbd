from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('charges', '0010_rejected_attempts'),
    ]

    operations = [
        migrations.RenameField(
            model_name='reconciliationfinding',
            old_name='look_again',
            new_name='check_again',
        ),
        migrations.RemoveIndex(
            model_name='reconciliationfinding',
            name='finding_to_look_at',
        ),
        migrations.AddIndex(
            model_name='reconciliationfinding',
            index=models.Index(condition=models.Q(('check_again', True)), fields=['run', 'id'], name='finding_to_check_again'),
        ),
        migrations.RunSQL(
            "UPDATE charges_reconciliationrun SET phase = 'checking_again' WHERE phase = 'looking_again'",
            "UPDATE charges_reconciliationrun SET phase = 'looking_again' WHERE phase = 'checking_again'",
        ),
        migrations.AlterField(
            model_name='reconciliationrun',
            name='phase',
            field=models.CharField(choices=[('intents', "Reading Stripe's payment intents"), ('refunds', "Reading Stripe's refunds"), ('disputes', "Reading Stripe's disputes"), ('our_charges', 'Looking for charges that Stripe did not list'), ('our_refunds', 'Looking for refunds that Stripe did not list'), ('our_disputes', 'Looking for disputes that Stripe did not list'), ('earlier', 'Adopting the open findings of earlier runs'), ('checking_again', 'Checking the findings again, one by one'), ('done', 'Done'), ('abandoned', 'Abandoned: it did not move for a day, and a later run replaced it')], default='intents', max_length=20),
        ),
    ]
