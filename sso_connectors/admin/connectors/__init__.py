"""The pages of SSO connectors: the list, the form, and what hangs on one connector."""
