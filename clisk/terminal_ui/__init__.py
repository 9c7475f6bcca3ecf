"""The vault on a whole terminal: pages over the agent's socket.

Holds no key and has no logic of its own: each page asks the agent what a command
would ask. What comes from a vault is text, never markup and never a control sign.
"""
