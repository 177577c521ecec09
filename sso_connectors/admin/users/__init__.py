"""The user card, and what the list of users does with SSO connectors."""
