"""The web dashboard: pages over the agent's socket, for one person on this machine.

Holds no key and has no logic of its own: each page asks the agent what a command
would ask. Implements protocol/dashboard.md.
"""
