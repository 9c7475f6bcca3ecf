"""The background process that holds the unlocked vault: protocol/agent.md."""
