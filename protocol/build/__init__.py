"""Builders of the test vectors: one module a page, none of our packages."""
