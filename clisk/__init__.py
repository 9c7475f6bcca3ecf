"""The program: command line and background agent."""
