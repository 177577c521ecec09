"""The history's page, and the return to an earlier version."""
