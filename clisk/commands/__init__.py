"""One module a group of commands: each asks the agent and prints, no more."""
