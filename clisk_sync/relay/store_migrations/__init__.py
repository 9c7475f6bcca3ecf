"""How each schema of the relay's database comes from the one before it.

Revisions are numbered; a published one is never changed. There is no way back:
a database is copied before an upgrade, not unmade after it.
"""
