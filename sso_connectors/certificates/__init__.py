"""Signing certificates: found in a text, decoded, checked and described."""
