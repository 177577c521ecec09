"""The groups that a migration makes, for people at the Maker. Each still has to be made staff.

A superuser gives them out. What is a superuser's alone is in none of them: the cards of staff and
superusers, who is staff, and what a group holds.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from django.contrib.auth.management import create_permissions
from django.utils.translation import gettext_noop

_READS: Final = (
    "users.view_user",
    "sso_connectors.view_connector",
    "sso_connectors.view_link",
    "sso_connectors.view_attempt",
)
_MANAGES: Final = (
    *_READS,
    "users.add_user",
    "users.change_user",
    "sso_connectors.add_connector",
    "sso_connectors.change_connector",
    "sso_connectors.add_link",
    "sso_connectors.change_link",
    "sso_connectors.delete_link",
    "sso_connectors.test_sign_in",
    "sso_connectors.view_personal",
)

# By the groups' names, which are stored in English and shown in each reader's language. A history is
# open to who may view what it is of.
ROLES: Final[Mapping[str, tuple[str, ...]]] = {
    gettext_noop("Maker administrator"): (
        *_MANAGES,
        "users.delete_user",
        "sso_connectors.delete_connector",
        "sso_connectors.change_trust",
        "auth.view_group",
    ),
    # With change_trust given beside it, also new connectors and what they trust.
    gettext_noop("Connector manager"): _MANAGES,
    gettext_noop("Support"): (*_READS, "sso_connectors.add_link", "sso_connectors.view_personal"),
    gettext_noop("Auditor"): (*_READS, "auth.view_group"),
}


def make_groups(apps: Any, *, using: str) -> None:
    """Make the groups that aren't there, in the state `apps` of a migration.

    A group of such a name that is there already is left alone, whoever made it: its members would
    otherwise be given more than they have, and what an operator changed would come back.
    """
    groups = apps.get_model("auth", "Group").objects.using(using)
    missing = [name for name in ROLES if not groups.filter(name=name).exists()]
    if not missing:
        return
    _create_permissions(apps, using)
    for name in missing:
        groups.create(name=name).permissions.set(_permissions(apps, ROLES[name], using))


def remove_groups(apps: Any, *, using: str) -> None:
    """Remove those that `make_groups` made, unless somebody uses or has changed one."""
    groups = apps.get_model("auth", "Group").objects.using(using)
    for group in groups.filter(name__in=ROLES, user=None):
        held = set(group.permissions.values_list("pk", flat=True))
        if held == {each.pk for each in _permissions(apps, ROLES[group.name], using)}:
            group.delete()


def _permissions(apps: Any, names: Iterable[str], using: str) -> list[Any]:
    """Those of these names that there are: a later migration gives what came later."""
    permissions = apps.get_model("auth", "Permission").objects.using(using)
    found = []
    for name in names:
        app, codename = name.split(".")
        found += permissions.filter(content_type__app_label=app, codename=codename)
    return found


def _create_permissions(apps: Any, using: str) -> None:
    """Django makes them after the last migration only, and the first one to need them is this one."""
    for config in apps.get_app_configs():
        module = getattr(config, "models_module", None)
        config.models_module = True  # or a migration's would be taken for apps without models
        try:
            create_permissions(config, apps=apps, verbosity=0, using=using)
        finally:
            config.models_module = module
