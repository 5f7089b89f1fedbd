import django.db.models.expressions
import django.db.models.deletion
from django.db import migrations, models


PRICES_ARE_NEVER_CHANGED = """
CREATE FUNCTION refuse_change_of_price() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'A price is never changed: add a new version.' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER price_is_never_changed BEFORE UPDATE ON subscriptions_price
FOR EACH ROW EXECUTE FUNCTION refuse_change_of_price();
"""
PRICES_MAY_BE_CHANGED = """
DROP TRIGGER price_is_never_changed ON subscriptions_price;
DROP FUNCTION refuse_change_of_price();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('subscriptions', '0009_prices_from_plans'),
    ]

    operations = [
        migrations.AlterField(
            model_name='subscription',
            name='price',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='subscriptions', to='subscriptions.price'),
        ),
        migrations.AlterField(
            model_name='subscription',
            name='time_zone',
            field=models.CharField(help_text='IANA name. Periods follow its local time.', max_length=64),
        ),
        migrations.AlterField(
            model_name='subscription',
            name='anchor_at',
            field=models.DateTimeField(help_text='All later boundaries of periods are calculated from this time.'),
        ),
        migrations.RemoveField(
            model_name='plan',
            name='amount',
        ),
        migrations.RemoveField(
            model_name='plan',
            name='currency',
        ),
        migrations.RemoveField(
            model_name='plan',
            name='interval',
        ),
        migrations.RemoveField(
            model_name='plan',
            name='interval_count',
        ),
        migrations.AddConstraint(
            model_name='plan',
            constraint=models.CheckConstraint(condition=models.Q(('available_from', None), ('available_until', None), ('available_until__gt', models.F('available_from')), _connector='OR'), name='plan_available_until_is_after_from'),
        ),
        migrations.AddConstraint(
            model_name='plan',
            constraint=models.CheckConstraint(condition=models.Q(('trial_days__lte', 730)), name='plan_trial_is_not_too_long'),
        ),
        migrations.AddConstraint(
            model_name='plan',
            constraint=models.CheckConstraint(condition=models.Q(('cut_off_hours__lte', 672)), name='plan_cut_off_is_not_too_early'),
        ),
        migrations.AddConstraint(
            model_name='plan',
            constraint=models.CheckConstraint(condition=models.Q(('renewal_reminder_days__lte', 365), ('trial_reminder_days__lte', 365)), name='plan_reminders_are_not_too_early'),
        ),
        migrations.AddConstraint(
            model_name='plan',
            constraint=models.CheckConstraint(condition=models.Q(('is_digital', False), models.Q(('cut_off_hours', 0), ('max_skips', 0)), _connector='OR'), name='digital_plan_has_no_deliveries'),
        ),
        migrations.AddConstraint(
            model_name='subscription',
            constraint=models.CheckConstraint(condition=models.Q(('time_zone', ''), _negated=True), name='subscription_has_a_time_zone'),
        ),
        migrations.AddConstraint(
            model_name='subscription',
            constraint=models.CheckConstraint(condition=models.Q(('anchor_number__lte', django.db.models.expressions.CombinedExpression(models.F('period_number'), '+', models.Value(1)))), name='subscription_anchor_is_not_in_far_future'),
        ),
        migrations.AddConstraint(
            model_name='subscription',
            constraint=models.CheckConstraint(condition=models.Q(('renews_at', None), ('renews_at', models.F('current_period_end')), _connector='OR'), name='subscription_renews_at_end_of_period'),
        ),
        migrations.AddConstraint(
            model_name='subscription',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('status', 'canceled'), _negated=True), ('renews_at', None), _connector='OR'), name='canceled_subscription_does_not_renew'),
        ),
        migrations.RunSQL(PRICES_ARE_NEVER_CHANGED, PRICES_MAY_BE_CHANGED),
    ]
