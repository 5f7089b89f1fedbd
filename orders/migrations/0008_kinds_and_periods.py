import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('orders', '0007_database_keeps_the_rules'),
        ('subscriptions', '0008_prices_and_periods'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='order',
            name='one_order_per_period',
        ),
        migrations.AddField(
            model_name='order',
            name='kind',
            field=models.CharField(choices=[('first', 'First: the first billed period of a subscription'), ('renewal', 'Renewal: a later period'), ('change', 'Change: the difference after a change of plan or quantity within a period')], max_length=10, null=True),
        ),
        migrations.AddField(
            model_name='order',
            name='period',
            field=models.ForeignKey(default=None, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='subscriptions.billingperiod'),
        ),
    ]
