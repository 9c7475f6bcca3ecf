"""Tests of konnector_runner; those marked `browser` open a real Chromium."""
