"""Small pieces of HTML that several screens show."""

from collections.abc import Callable, Iterable

from django.templatetags.static import static
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from ..certificates.parsing import SigningCertificate
from ..models import Certificate, Connector, State, Token
from ..operations.expiry import unused_for
from ..protocols.oauth2.tokens import needs_reconnect

HIDDEN = SafeString(" hidden")
_HEAD, _TAIL = 18, 8


def shortened(address: str) -> SafeString | str:
    """A long address with its middle left out and the whole in a tooltip."""
    if len(address) <= _HEAD + _TAIL + 1:
        return format_html('<span class="address">{}</span>', address)
    return format_html(
        '<span class="address" title="{}">{}…{}</span>', address, address[:_HEAD], address[-_TAIL:]
    )


def copyable(address: str, message: str) -> SafeString:
    """An address with a copy button; `message` confirms the copy."""
    return format_html(
        '<span class="copyable"><code>{0}</code> '
        '<button type="button" class="copy" data-copy="{0}" data-copied="{1}">{2}</button></span>',
        address,
        message,
        _("Copy"),
    )


def pill(kind: str, label: str) -> SafeString:
    return format_html('<span class="pill pill-{}">{}</span>', kind, label)


def state_pills(connector: Connector) -> SafeString:
    state: State = connector.state
    pills = [(pill(state.value, str(state.label)),)]
    if connector.is_expiring:
        pills.append((pill("expiring", _("expiring")),))
    return format_html_join(" ", "{}", pills)


def token_pill(token: Token | None, connector: Connector) -> SafeString:
    """How the tokens of one link stand."""
    if token is None:
        return pill("disabled", _("none yet"))
    if needs_reconnect(token, connector):
        return pill("expiring", _("reconnection needed"))
    if token.expires_at is None or token.refresh_token is not None:
        return pill("passed", _("ok"))
    until = date_format(localtime(token.expires_at), "DATETIME_FORMAT")
    return pill("passed", _("valid until %(time)s") % {"time": until})


def certificate_list(
    items: Iterable[SigningCertificate],
    uses: Iterable[Certificate],
    *,
    removal: Callable[[SigningCertificate], str] | None = None,
) -> SafeString:
    """What was understood of the pasted certificates.

    uses: what is known of their use. removal: the address of the page that removes one.
    """
    rows = {row.fingerprint: row for row in uses}
    return format_html(
        '<ul class="certificates">{}</ul>',
        format_html_join(
            "",
            '<li><div class="head"><strong>{}</strong> {}</div><dl>'
            "<dt>{}</dt><dd>{}</dd><dt>{}</dt><dd><code>{}</code></dd>{}</dl>{}</li>",
            (
                (
                    item.subject,
                    _validity(item),
                    _("Valid"),
                    _("from %(from)s until %(until)s")
                    % {
                        "from": date_format(item.valid_from),
                        "until": date_format(item.valid_until),
                    },
                    _("SHA-256"),
                    item.fingerprint,
                    _last_use(rows, item.fingerprint),
                    _remove_button(item, removal(item)) if removal else "",
                )
                for item in items
            ),
        ),
    )


def _last_use(rows: dict[str, Certificate], fingerprint: str) -> SafeString | str:
    row = rows.get(fingerprint)
    if row is None:
        return ""
    last = (
        date_format(localtime(row.last_used_at), "DATETIME_FORMAT")
        if row.last_used_at
        else _("not used yet")
    )
    unused = unused_for(row, rows.values())
    advice: SafeString | str = ""
    if unused is not None:
        words = _("unused for %(days)d days, safe to remove") % {"days": unused.days}
        advice = pill("disabled", words)
    return format_html("<dt>{}</dt><dd>{} {}</dd>", _("Last use"), last, advice)


def _remove_button(item: SigningCertificate, address: str) -> SafeString:
    return format_html(
        '<a class="button remove" href="{}">{}<span class="visually-hidden">: {}</span></a>',
        address,
        _("Remove…"),
        item.fingerprint[:11],
    )


def _validity(item: SigningCertificate) -> SafeString | str:
    if item.is_expired:
        return pill("expiring", _("expired"))
    if item.is_not_yet_valid:
        return pill("expiring", _("not yet valid"))
    if item.is_expiring:
        return pill("expiring", _("expires within 30 days"))
    return ""


def cog(connector: Connector, items: SafeString) -> SafeString:
    """The cog-wheel menu of one row."""
    return format_html(
        '<details class="cog"><summary aria-label="{}">'
        '<img src="{}" alt="" width="18" height="18"></summary>'
        '<div class="cog-menu">{}</div></details>',
        _("Actions for %(name)s") % {"name": connector.name},
        static("maker/cog.svg"),
        items,
    )
