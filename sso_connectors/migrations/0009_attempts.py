from django.db import migrations, models
from django.db.models.functions import Lower


class Migration(migrations.Migration):

    dependencies = [
        ('sso_connectors', '0008_certificate_warnings'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='attempt',
            options={
                'ordering': ['-started_at', '-pk'],
                'permissions': [('view_personal', 'Can see who is named in login attempts')],
                'verbose_name': 'login attempt',
                'verbose_name_plural': 'login attempts',
            },
        ),
        migrations.AddIndex(
            model_name='attempt',
            index=models.Index(Lower('username'), name='attempt_of_username'),
        ),
    ]
