"""What one sign-in found: the identity that was proved, each check, and why it ended."""
