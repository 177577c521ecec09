"""Linking many users: plans, previews, CSV."""
