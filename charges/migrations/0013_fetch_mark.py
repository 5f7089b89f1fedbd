from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('charges', '0012_payment_methods_of_customers'),
    ]

    operations = [
        migrations.RenameModel(old_name='SweepMark', new_name='FetchMark'),
        migrations.RenameField(model_name='fetchmark', old_name='swept_until', new_name='fetched_until'),
    ]
