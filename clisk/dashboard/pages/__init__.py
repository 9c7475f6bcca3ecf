"""One subject a module; each ends with its routes."""
