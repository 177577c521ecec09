"""Who gets in: the only rule, in one place."""

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from users.usernames import normalise_username

from ..models import Connector, Link
from ..models.link import obstacle
from ..results.checks import Checks
from ..results.errors import NotAdmitted
from ..results.identity import Identity


def linked_user(
    connector: Connector, identity: Identity, checks: Checks, *, is_test: bool = False
) -> Link:
    """Return the link that admits `identity` through `connector`, with its user.

    The user is active, linked to this very connector, and the identity provider calls them by their
    username in any letter case. The subject of the first sign-in is remembered; another one, or none, is
    refused later, since an address may be given to another person. A test doesn't remember it, and tells whom a
    disabled connector would let in.

    Raises NotAdmitted, the same for each cause; `checks` tells the administrator which.
    """
    try:
        username = normalise_username(identity.username)
    except ValidationError as error:
        checks.record("username", False, expected="an e-mail address", received=identity.username)
        raise NotAdmitted("The identity provider's username is not an e-mail address.") from error
    named = Link.objects.filter(connector=connector, user__username=username)
    link = next(iter(named.select_related("user", "connector")), None)
    why_not = obstacle(link, once_enabled=is_test)
    checks.record(
        "linked user",
        not why_not,
        expected="an active user linked to this connector, and no staff unless it may sign staff in",
        received=f"{username}: {why_not or 'linked'}",
    )
    if link is None or why_not:
        raise NotAdmitted(f"{username}: {why_not}.")
    if not _same_person(link, identity.subject, checks, is_test=is_test):
        if not identity.subject:
            raise NotAdmitted("This person's permanent ID is remembered, and the answer has none.")
        raise NotAdmitted("The identity provider's name for this person is not the one remembered.")
    return link


def _same_person(link: Link, subject: str, checks: Checks, *, is_test: bool) -> bool:
    """Compare with the subject on the link, remembering the first but in a test; what happened is recorded."""
    is_first = link.subject is None
    if subject and is_first and not is_test:
        try:
            with transaction.atomic():
                # Two first sign-ins at once: the condition lets one of them name the person.
                Link.objects.filter(pk=link.pk, subject=None).update(subject=subject)
        except IntegrityError:  # another link of this connector has it
            return checks.record(
                "subject",
                False,
                expected="a subject that no other user of this connector has",
                received=subject,
            )
        # None, too, if the link is gone by now: then nobody is the same person.
        link.subject = Link.objects.filter(pk=link.pk).values_list("subject", flat=True).first()
    nothing = "none sent (noted)" if is_first else "none sent"
    return checks.record(
        "subject",
        # One that is missing now is not let pass: the person could have asked their identity provider, by a
        # request that they changed, for an identifier without it.
        (is_first and (is_test or not subject)) or subject == link.subject,
        expected=link.subject or "not known yet",
        received=subject or nothing,
    )


def note_sign_in(link: Link) -> None:
    Link.objects.filter(pk=link.pk).update(last_sign_in_at=timezone.now())
