import django.core.validators
import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.datetime
import django.db.models.lookups
import uuid6
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('subscriptions', '0007_account_access'),
    ]

    operations = [
        migrations.CreateModel(
            name='BillingPeriod',
            fields=[
                ('id', models.UUIDField(default=uuid6.uuid7, editable=False, primary_key=True, serialize=False)),
                ('number', models.PositiveIntegerField()),
                ('start', models.DateTimeField()),
                ('end', models.DateTimeField()),
                ('outcome', models.CharField(choices=[('trial', 'Trial: nothing is charged'), ('due', 'Due: its order is about to be placed'), ('billed', 'Billed: it has an order'), ('skipped', 'Skipped by the customer'), ('missed', 'Missed: the shop was down when it began and ended'), ('unpaid', 'Unpaid: not billed, because an earlier order was not paid'), ('gap', 'Gap: the subscription was paused')], max_length=10)),
                ('at', models.DateTimeField(help_text='When the outcome was recorded.')),
            ],
        ),
        migrations.CreateModel(
            name='Price',
            fields=[
                ('id', models.UUIDField(default=uuid6.uuid7, editable=False, primary_key=True, serialize=False)),
                ('version', models.PositiveIntegerField(editable=False)),
                ('amount', models.PositiveIntegerField(help_text='Per unit and period, in minor units: 1290 is 12.90 in euros.')),
                ('currency', models.CharField(help_text='ISO 4217, upper case.', max_length=3, validators=[django.core.validators.RegexValidator('^[A-Z]{3}$', 'Write three capital letters, such as EUR.')])),
                ('interval', models.CharField(choices=[('week', 'Week'), ('month', 'Month'), ('year', 'Year')], default='month', max_length=5)),
                ('interval_count', models.PositiveSmallIntegerField(default=1, help_text='2 and week: every two weeks.')),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('created_by_kind', models.CharField(choices=[('customer', 'Customer'), ('staff', 'Staff'), ('system', 'The shop itself')], editable=False, max_length=10)),
                ('created_by', models.CharField(editable=False, max_length=100)),
            ],
        ),
        migrations.RemoveConstraint(
            model_name='plan',
            name='plan_currency_is_iso',
        ),
        migrations.RemoveConstraint(
            model_name='plan',
            name='plan_amount_is_chargeable',
        ),
        migrations.RemoveConstraint(
            model_name='plan',
            name='plan_interval_count_is_positive',
        ),
        migrations.AddField(
            model_name='plan',
            name='available_from',
            field=models.DateTimeField(blank=True, default=None, help_text='Customers can buy it from this time on. Empty: at once.', null=True),
        ),
        migrations.AddField(
            model_name='plan',
            name='available_until',
            field=models.DateTimeField(blank=True, default=None, help_text='Customers can buy it before this time. Empty: without an end.', null=True),
        ),
        migrations.AddField(
            model_name='plan',
            name='cut_off_hours',
            field=models.PositiveSmallIntegerField(default=0, help_text='Hours before a delivery after which a change concerns the next delivery.', validators=[django.core.validators.MaxValueValidator(672)]),
        ),
        migrations.AddField(
            model_name='plan',
            name='max_skips',
            field=models.PositiveSmallIntegerField(default=0, help_text='How many of the coming deliveries a customer may skip. 0: none.'),
        ),
        migrations.AddField(
            model_name='plan',
            name='renewal_reminder_days',
            field=models.PositiveSmallIntegerField(default=0, help_text='Days before a renewal on which the customer is reminded. 0: never. 30 suits yearly plans.', validators=[django.core.validators.MaxValueValidator(365)]),
        ),
        migrations.AddField(
            model_name='plan',
            name='trial_days',
            field=models.PositiveSmallIntegerField(default=0, help_text='Days before the first charge. 0: without a trial.', validators=[django.core.validators.MaxValueValidator(730)]),
        ),
        migrations.AddField(
            model_name='plan',
            name='trial_reminder_days',
            field=models.PositiveSmallIntegerField(default=7, help_text='Days before the end of a trial on which the customer is reminded. Visa requires 7.', validators=[django.core.validators.MaxValueValidator(365)]),
        ),
        migrations.AddField(
            model_name='subscription',
            name='anchor_at',
            field=models.DateTimeField(help_text='All later boundaries of periods are calculated from this time.', null=True),
        ),
        migrations.AddField(
            model_name='subscription',
            name='anchor_number',
            field=models.PositiveIntegerField(default=0, help_text='The number of the period that begins at it.'),
        ),
        migrations.AddField(
            model_name='subscription',
            name='period_number',
            field=models.PositiveIntegerField(default=0, help_text='The number of the current period.'),
        ),
        migrations.AddField(
            model_name='subscription',
            name='renews_at',
            field=models.DateTimeField(default=None, help_text='When the next period begins. Empty: never.', null=True),
        ),
        migrations.AddField(
            model_name='subscription',
            name='time_zone',
            field=models.CharField(help_text='IANA name. Periods follow its local time.', max_length=64, null=True),
        ),
        migrations.AddField(
            model_name='billingperiod',
            name='subscription',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='periods', to='subscriptions.subscription'),
        ),
        migrations.AddField(
            model_name='price',
            name='plan',
            field=models.ForeignKey(editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='prices', to='subscriptions.plan'),
        ),
        migrations.AddField(
            model_name='subscription',
            name='price',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='subscriptions', to='subscriptions.price'),
        ),
        migrations.AddIndex(
            model_name='subscription',
            index=models.Index(condition=models.Q(('renews_at__isnull', False)), fields=['renews_at'], name='subscription_renewals'),
        ),
        migrations.AddConstraint(
            model_name='billingperiod',
            constraint=models.UniqueConstraint(fields=('subscription', 'number'), name='period_number_once'),
        ),
        migrations.AddConstraint(
            model_name='billingperiod',
            constraint=models.CheckConstraint(condition=models.Q(('end__gt', models.F('start'))), name='period_ends_after_its_start'),
        ),
        migrations.AddConstraint(
            model_name='price',
            constraint=models.UniqueConstraint(fields=('plan', 'version'), name='price_version_once'),
        ),
        migrations.AddConstraint(
            model_name='price',
            constraint=models.CheckConstraint(condition=models.Q(('version__gt', 0)), name='price_version_is_positive'),
        ),
        migrations.AddConstraint(
            model_name='price',
            constraint=models.CheckConstraint(condition=models.Q(django.db.models.lookups.GreaterThanOrEqual(models.F('amount'), models.Case(models.When(currency='AED', then=models.Value(200)), models.When(currency='AUD', then=models.Value(50)), models.When(currency='BGN', then=models.Value(100)), models.When(currency='BRL', then=models.Value(50)), models.When(currency='CAD', then=models.Value(50)), models.When(currency='CHF', then=models.Value(50)), models.When(currency='CZK', then=models.Value(1500)), models.When(currency='DKK', then=models.Value(250)), models.When(currency='EUR', then=models.Value(50)), models.When(currency='GBP', then=models.Value(30)), models.When(currency='HKD', then=models.Value(400)), models.When(currency='HUF', then=models.Value(17500)), models.When(currency='INR', then=models.Value(50)), models.When(currency='JPY', then=models.Value(50)), models.When(currency='MXN', then=models.Value(1000)), models.When(currency='MYR', then=models.Value(200)), models.When(currency='NOK', then=models.Value(300)), models.When(currency='NZD', then=models.Value(50)), models.When(currency='PLN', then=models.Value(200)), models.When(currency='RON', then=models.Value(200)), models.When(currency='SEK', then=models.Value(300)), models.When(currency='SGD', then=models.Value(50)), models.When(currency='THB', then=models.Value(1000)), models.When(currency='USD', then=models.Value(50)), default=models.Value(50))), ('amount__lte', 99999999), django.db.models.lookups.Exact(django.db.models.expressions.CombinedExpression(models.F('amount'), '%%', models.Case(models.When(currency='BHD', then=models.Value(10)), models.When(currency='JOD', then=models.Value(10)), models.When(currency='KWD', then=models.Value(10)), models.When(currency='OMR', then=models.Value(10)), models.When(currency='TND', then=models.Value(10)), models.When(currency='ISK', then=models.Value(100)), models.When(currency='UGX', then=models.Value(100)), default=models.Value(1))), 0)), name='price_amount_is_chargeable'),
        ),
        migrations.AddConstraint(
            model_name='price',
            constraint=models.CheckConstraint(condition=models.Q(('currency__regex', '^[A-Z]{3}$')), name='price_currency_is_iso'),
        ),
        migrations.AddConstraint(
            model_name='price',
            constraint=models.CheckConstraint(condition=models.Q(('interval_count__gt', 0), models.Q(models.Q(('interval', 'week'), ('interval_count__lte', 156)), models.Q(('interval', 'month'), ('interval_count__lte', 36)), models.Q(('interval', 'year'), ('interval_count__lte', 3)), _connector='OR')), name='price_interval_is_at_most_three_years'),
        ),
    ]
