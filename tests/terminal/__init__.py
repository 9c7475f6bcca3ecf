"""The terminal pages, driven by key presses against a real agent."""
