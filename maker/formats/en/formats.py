"""English for people of any country: Django's is American. What isn't here is Django's."""

DATE_FORMAT = "j F Y"  # 4 March 2026
TIME_FORMAT = "H:i"
DATETIME_FORMAT = "j M Y, H:i T"  # 4 Mar 2026, 14:05 UTC
MONTH_DAY_FORMAT = "j F"
SHORT_DATE_FORMAT = "j M Y"
SHORT_DATETIME_FORMAT = DATETIME_FORMAT
FIRST_DAY_OF_WEEK = 1  # Monday

# The first is also how a field shows what it holds. Django's 02/04/2026 could be either day.
DATE_INPUT_FORMATS = ["%Y-%m-%d", "%d %B %Y", "%d %b %Y"]
DATETIME_INPUT_FORMATS = ["%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M"]
