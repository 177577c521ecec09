"""What the server itself fetches, and from where it may."""
