from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('orders', '0009_periods_from_orders'),
    ]

    operations = [
        migrations.AlterField(
            model_name='order',
            name='kind',
            field=models.CharField(choices=[('first', 'First: the first billed period of a subscription'), ('renewal', 'Renewal: a later period'), ('change', 'Change: the difference after a change of plan or quantity within a period')], max_length=10),
        ),
        migrations.AddConstraint(
            model_name='order',
            constraint=models.UniqueConstraint(fields=('subscription', 'period'), name='one_order_per_period'),
        ),
        migrations.AddConstraint(
            model_name='order',
            constraint=models.UniqueConstraint(condition=models.Q(('kind', 'first')), fields=('subscription',), name='one_first_order_per_subscription'),
        ),
        migrations.AddConstraint(
            model_name='order',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('kind', 'change'), ('period', None)), models.Q(models.Q(('kind', 'change'), _negated=True), ('period__isnull', False)), _connector='OR'), name='order_of_a_period_kind_has_a_period'),
        ),
    ]
