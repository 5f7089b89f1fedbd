from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('charges', '0011_check_again'),
    ]

    operations = [
        migrations.RenameModel(old_name='SweepMark', new_name='FetchMark'),
        migrations.RenameField(model_name='fetchmark', old_name='swept_until', new_name='fetched_until'),
    ]
