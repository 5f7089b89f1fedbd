from django.db import migrations, models

# The orders so far were placed with the customer's own data.
FROM_CUSTOMERS = """
UPDATE orders_order o
SET contact_name = c.name, contact_phone = c.phone, contact_locale = c.locale,
    sms_consent = c.sms_consent, marketing_consent = c.marketing_consent
FROM subscriptions_customer c WHERE c.id = o.customer_id
"""


class Migration(migrations.Migration):

    dependencies = [
        ("orders", "0011_lines_have_kinds"),
        ("subscriptions", "0012_planned_changes"),
    ]

    operations = [
        migrations.AddField("order", "contact_name", models.CharField(blank=True, max_length=200, default=""), preserve_default=False),
        migrations.AddField(
            "order",
            "contact_phone",
            models.CharField(blank=True, help_text="E.164, such as +4915112345678.", max_length=16, default=""),
            preserve_default=False,
        ),
        migrations.AddField("order", "contact_locale", models.CharField(max_length=35, default="en"), preserve_default=False),
        migrations.AddField("order", "sms_consent", models.BooleanField(default=False)),
        migrations.AddField("order", "marketing_consent", models.BooleanField(default=False)),
        migrations.RunSQL(FROM_CUSTOMERS, migrations.RunSQL.noop),
        migrations.AddConstraint(
            "order",
            models.CheckConstraint(
                condition=models.Q(("contact_locale", ""), _negated=True), name="order_has_a_contact_locale"
            ),
        ),
        migrations.AddConstraint(
            "order",
            models.CheckConstraint(
                condition=models.Q(("contact_phone", ""), ("contact_phone__regex", r"^\+[1-9][0-9]{1,14}$"), _connector="OR"),
                name="order_contact_phone_is_e164",
            ),
        ),
    ]
