from django.db import migrations, models

STEP_STATUSES = [
    ("planned", "Planned"),
    ("attempted", "Attempted: the saved payment method was charged again"),
    ("reminded", "Reminded: only the customer can help, and was asked to"),
    ("dropped", "Dropped: the run ended before it, or instead of it"),
]


class Migration(migrations.Migration):
    dependencies = [("charges", "0006_saved_payment_methods")]

    operations = [
        migrations.RenameField(model_name="chargeattempt", old_name="asks", new_name="outcome_checks"),
        migrations.AlterField(
            model_name="chargeattempt",
            name="outcome_checks",
            field=models.PositiveSmallIntegerField(
                default=0, help_text="How often its outcome was checked at Stripe."
            ),
        ),
        migrations.RemoveConstraint(model_name="dunningstep", name="a_try_has_its_attempt"),
        migrations.AlterField(
            model_name="dunningstep",
            name="status",
            field=models.CharField(choices=STEP_STATUSES, default="planned", max_length=10),
        ),
        migrations.RunSQL(
            "UPDATE charges_dunningstep SET status = 'attempted' WHERE status = 'tried'",
            "UPDATE charges_dunningstep SET status = 'tried' WHERE status = 'attempted'",
        ),
        migrations.AddConstraint(
            model_name="dunningstep",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("attempt__isnull", False), ("status", "attempted")),
                    models.Q(models.Q(("status", "attempted"), _negated=True), ("attempt", None)),
                    _connector="OR",
                ),
                name="attempted_step_has_its_attempt",
            ),
        ),
    ]
