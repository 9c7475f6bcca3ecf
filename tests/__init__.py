"""Tests, and the few helpers that several of them share."""
