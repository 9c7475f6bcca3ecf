"""Autofill: the classifier, the sites of an item, and filling in a browser."""
