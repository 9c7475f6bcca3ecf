"""What `clisk doctor` looks at. Each check only looks, and answers with findings."""
