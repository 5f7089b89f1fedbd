from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("orders", "0004_called_off")]

    operations = [
        migrations.RemoveIndex(model_name="order", name="order_paid_not_started"),
        migrations.RenameField(
            model_name="order", old_name="fulfilment_started_at", new_name="fulfillment_started_at"
        ),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(
                fields=["paid_at"],
                condition=models.Q(fulfillment_started_at__isnull=True, paid_at__isnull=False),
                name="order_paid_not_started",
            ),
        ),
        migrations.RenameIndex(model_name="order", old_name="order_called_off", new_name="order_canceled"),
        migrations.RenameModel(old_name="CheckoutAnswer", new_name="StoredResponse"),
        migrations.RenameField(model_name="storedresponse", old_name="answer", new_name="response"),
        migrations.RenameField(model_name="storedresponse", old_name="body_hash", new_name="request_hash"),
        migrations.RenameIndex(
            model_name="storedresponse", old_name="checkout_answer_age", new_name="stored_response_age"
        ),
    ]
