"""Django's French, with the time zone."""

DATETIME_FORMAT = "j F Y, H:i T"  # 4 mars 2026, 14:05 UTC
SHORT_DATETIME_FORMAT = DATETIME_FORMAT
