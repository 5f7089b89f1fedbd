from django.db import migrations

COLUMNS = [("notifications_notification", "error_code"), ("notifications_contactsync", "last_error")]


def rename(old, new):
    # "refused", "refused:code", "account_refused"
    return [
        f"UPDATE {table} SET {column} = regexp_replace({column}, '^(account_)?{old}', '\\1{new}') "
        f"WHERE {column} ~ '^(account_)?{old}(:|$)'"
        for table, column in COLUMNS
    ]


class Migration(migrations.Migration):

    dependencies = [
        ('notifications', '0005_account_messages'),
    ]

    operations = [
        migrations.RunSQL(rename("refused", "rejected"), rename("rejected", "refused")),
    ]
