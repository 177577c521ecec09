"""What the history of changes keeps beside the fields: reasons, and many rows at once."""
