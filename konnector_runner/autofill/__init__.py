"""Logins filled on their own: what is asked where, whether to, and how.

`classify` reads facts about a page and plans; `matching` says whether a page is one
of an item's; `fill` types. Spec: protocol/autofill.md.
"""
