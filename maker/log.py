"""Log lines as JSON, one object a line, for whatever collects them."""

import json
import logging
from datetime import UTC, datetime
from typing import Final

# What a LogRecord always has; anything else was given by `extra` and is a field of its own.
_USUAL: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}
# Django puts these on its records; they hold whole requests and objects.
_LEFT_OUT: Final = frozenset({"request", "server_time", "status_code"})
# Django's lines for requests that are no browser's, such as a made-up Host header. Anybody can cause one as
# often as they like, so it is short: no traceback, of which all would be alike, and little of what was sent.
_STRANGERS: Final = "django.security."
_LONGEST_OF_STRANGERS: Final = 300


class JsonFormatter(logging.Formatter):
    """time (UTC, ISO 8601), level, logger, message; what `extra` gave; `exception` with its traceback."""

    def format(self, record: logging.LogRecord) -> str:
        is_strangers = record.name.startswith(_STRANGERS)
        message = record.getMessage()
        fields = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": message[:_LONGEST_OF_STRANGERS] if is_strangers else message,
        }
        for name, value in vars(record).items():
            if name not in _USUAL | _LEFT_OUT:
                fields[name] = str(value)
        if record.exc_info and not is_strangers:
            fields["exception"] = self.formatException(record.exc_info)
        return json.dumps(fields, ensure_ascii=False)
