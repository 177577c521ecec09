"""Log lines as JSON, one object a line, for whatever collects them."""

import json
import logging
from datetime import UTC, datetime
from typing import Final

# What a LogRecord always has; anything else was given by `extra` and is a field of its own.
_USUAL: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}
# Django puts these on its records; they hold whole requests and objects.
_LEFT_OUT: Final = frozenset({"request", "server_time", "status_code"})


class JsonFormatter(logging.Formatter):
    """time (UTC, ISO 8601), level, logger, message; what `extra` gave; `exception` with its traceback."""

    def format(self, record: logging.LogRecord) -> str:
        fields = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        for name, value in vars(record).items():
            if name not in _USUAL | _LEFT_OUT:
                fields[name] = str(value)
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return json.dumps(fields, ensure_ascii=False)
