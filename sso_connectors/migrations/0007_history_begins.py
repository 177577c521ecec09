from django.conf import settings
from django.db import migrations, models
from django.db.models import Exists, OuterRef
from django.utils import timezone

BATCH = 500


def begin(apps, schema_editor):
    """Without a first version, the first change of what is older could not be told."""
    from sso_connectors.secrets.encryption import UnreadableSecret

    app, user = settings.AUTH_USER_MODEL.split('.')
    now = timezone.now()
    for kept, historical in (
        (apps.get_model('sso_connectors', 'Connector'), apps.get_model('sso_connectors', 'HistoricalConnector')),
        (apps.get_model('sso_connectors', 'Link'), apps.get_model('sso_connectors', 'HistoricalLink')),
        (apps.get_model(app, user), apps.get_model(app, f'Historical{user}')),
    ):
        columns = {field.attname for field in kept._meta.concrete_fields}
        columns &= {field.attname for field in historical._meta.concrete_fields}
        rows = kept._base_manager.filter(~Exists(historical.objects.filter(id=OuterRef('pk'))))
        batch = []
        for row in rows.iterator(chunk_size=BATCH):
            version = historical(
                history_date=now,
                history_type='+',
                history_change_reason='beginning',
                **{column: getattr(row, column) for column in columns},
            )
            if getattr(row, 'client_secret', None) is not None:
                try:
                    version.client_secret_set_at = row.client_secret.sealed_at
                except UnreadableSecret:
                    pass
            batch.append(version)
            if len(batch) == BATCH:
                historical.objects.bulk_create(batch)
                batch = []
        historical.objects.bulk_create(batch)


class Migration(migrations.Migration):

    dependencies = [
        ('sso_connectors', '0006_history'),
        ('users', '0002_history'),
    ]

    operations = [
        migrations.AddField(
            model_name='historicalconnector',
            name='client_secret_set_at',
            field=models.DateTimeField(editable=False, null=True, verbose_name='client secret'),
        ),
        migrations.RunPython(begin, migrations.RunPython.noop),
    ]
