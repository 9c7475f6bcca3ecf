"""A browser on this device: konnectors, autofill and collected data."""
