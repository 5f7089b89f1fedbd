from django.db import migrations, models

TRIGGERS = [
    ("order", "Order: the order was placed, or its message sent again"),
    ("dunning", "Dunning: a step of the schedule"),
    ("new_payment_method", "New payment method: the customer gave another one"),
]


class Migration(migrations.Migration):
    dependencies = [("charges", "0005_remote_objects"), ("subscriptions", "0001_initial")]

    operations = [
        migrations.RemoveConstraint(model_name="savedcard", name="card_saved_once"),
        migrations.RenameModel(old_name="SavedCard", new_name="SavedPaymentMethod"),
        migrations.RenameField(
            model_name="savedpaymentmethod", old_name="requested", new_name="payment_method_id"
        ),
        migrations.AddConstraint(
            model_name="savedpaymentmethod",
            constraint=models.UniqueConstraint(
                fields=("customer", "payment_method_id"), name="payment_method_saved_once"
            ),
        ),
        migrations.AlterField(
            model_name="savedpaymentmethod",
            name="customer",
            field=models.ForeignKey(
                on_delete=models.PROTECT, related_name="saved_payment_methods", to="subscriptions.customer"
            ),
        ),
        migrations.AlterField(
            model_name="chargeattempt",
            name="trigger",
            field=models.CharField(choices=TRIGGERS, default="order", max_length=20),
        ),
        migrations.RunSQL(
            "UPDATE charges_chargeattempt SET trigger = 'new_payment_method' WHERE trigger = 'new_card'",
            "UPDATE charges_chargeattempt SET trigger = 'new_card' WHERE trigger = 'new_payment_method'",
        ),
        migrations.AlterField(
            model_name="chargeattempt",
            name="payment_method",
            field=models.CharField(help_text="The payment method that this attempt uses.", max_length=255),
        ),
    ]
