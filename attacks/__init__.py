"""Programs that attack what the project promises, and say what came of it."""
