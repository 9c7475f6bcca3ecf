"""What other password managers call our commands, and what is near a misspelt one.

The words are those of `bw`, `op`, `keepassxc-cli`, `pass` and of plain habit.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

OURS = {
    "list": ("ls", "dir", "search", "find", "locate", "grep", "items", "all"),
    "get": ("show", "view", "cat", "item", "reveal", "print", "open"),
    "add": ("create", "new", "insert", "save", "store", "put"),
    "edit": ("update", "modify", "change", "set", "rename"),
    "rm": ("delete", "remove", "del", "trash-item"),
    "unlock": ("login", "signin", "log-in", "sign-in"),
    "lock": ("logout", "signout", "log-out", "sign-out", "close"),
    "init": ("setup", "db-create", "register", "create-vault"),
    "join": ("connect", "add-device"),
    "status": ("whoami", "info", "db-info"),
    "copy": ("clip", "clipboard", "cp"),
    "clone": ("dup", "duplicate"),
    "totp": ("otp", "code", "2fa", "mfa"),
    "scan": ("qr",),
    "attach": ("attachment", "document", "file", "files"),
    "attach add": ("attachment-import",),
    "attach get": ("attachment-export",),
    "attach rm": ("attachment-rm",),
    "folder move": ("mv", "move"),
    "folder add": ("mkdir",),
    "folder rm": ("rmdir",),
    "folder list": ("folders", "groups"),
    "tag list": ("tags", "labels"),
    "trash restore": ("restore", "undelete", "recover-item"),
    "passphrase": ("passwd", "password", "master-password"),
    "generate": ("gen", "pwgen"),
    "generate passphrase": ("diceware",),
    "health": ("audit", "watchtower", "analyze", "estimate", "report"),
    "exec": ("run", "env"),
    "read": ("ref", "reference"),
    "inject": ("template",),
    "sync": ("git", "pull", "push"),
    "devices": ("device",),
    "recovery": ("recover", "emergency-kit"),
    "log": ("audit-log", "events", "history-log"),
    "dashboard": ("serve", "web", "gui", "ui"),
    "fill": ("autofill", "autotype"),
    "doctor": ("check", "diagnose", "config"),
    "--help": ("help", "man", "usage"),
    "--version": ("version",),
}
_MEANT = {word: ours for ours, words in OURS.items() for word in words}


def meant_command(typed: str, known: Iterable[str]) -> str | None:
    """Return which command *typed* stands for elsewhere, or the nearest, or None."""
    word = typed.lower().replace("_", "-")
    names = list(known)
    if word in names or word in _MEANT:
        return word if word in names else _MEANT[word]
    near = get_close_matches(word, [*names, *_MEANT], n=1, cutoff=0.7)
    return _MEANT.get(near[0], near[0]) if near else None
