"""What operators and cron need: system checks, the report of sso_check, mail, clean-up, new keys."""
