"""Bringing items in from other programs, and taking them out again."""
