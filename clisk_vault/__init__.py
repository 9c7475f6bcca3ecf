"""One device: keys, items, storage, grants, access log and transfer.

Each part is a module of its own, and importing the package loads none of them: a
command that needs one starts in the time of one. `clisk_vault.vault.Vault` is what
most begin with.
"""
