from django.db import migrations

from sso_connectors import roles


def make(apps, schema_editor):
    roles.make_groups(apps, using=schema_editor.connection.alias)


def remove(apps, schema_editor):
    roles.remove_groups(apps, using=schema_editor.connection.alias)


class Migration(migrations.Migration):

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
        ('contenttypes', '0002_remove_content_type_name'),
        ('users', '0002_history'),
        ('sso_connectors', '0009_attempts'),
    ]

    operations = [
        migrations.RunPython(make, remove),
    ]
