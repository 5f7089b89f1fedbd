from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('notifications', '0002_occasions'),
    ]

    operations = [
        migrations.RemoveConstraint(model_name='notification', name='notification_once_per_occasion'),
        migrations.RemoveConstraint(model_name='notification', name='sending_has_its_time'),
        migrations.RenameField(model_name='notification', old_name='occasion', new_name='dedup_key'),
        migrations.RenameField(model_name='notification', old_name='first_tried_at', new_name='first_attempted_at'),
        migrations.AlterField(
            model_name='notification',
            name='dedup_key',
            field=models.CharField(blank=True, default='', help_text="Distinguishes several messages of one kind about one order: attempt-2, step-3, a refund's id.", max_length=100),
        ),
        migrations.RenameModel(old_name='Pace', new_name='RateLimit'),
        migrations.AddConstraint(
            model_name='notification',
            constraint=models.UniqueConstraint(
                fields=('kind', 'channel', 'order', 'dedup_key'), name='notification_once_per_dedup_key'
            ),
        ),
        migrations.AddConstraint(
            model_name='notification',
            constraint=models.CheckConstraint(
                condition=models.Q(models.Q(('status', 'sending'), _negated=True), ('first_attempted_at__isnull', False), _connector='OR'),
                name='sending_has_its_time',
            ),
        ),
    ]
