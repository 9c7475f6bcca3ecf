"""Small bundles for tests: of a made vault, and from outside its door."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from clisk_vault.checkpoint import Checkpoint
from clisk_vault.log_bundle_read import UnverifiedBundle, read_bundle
from clisk_vault.log_bundle_verify import BundleVerdict, verify_bundle
from clisk_vault.log_export import export_log
from clisk_vault.merkle import Tree
from clisk_vault.note import KeyKind, NoteKey, UnverifiedNote, cosign_line
from clisk_vault.primitives import SigningKey
from tests.vault.logs import World

PEER_KEY = SigningKey(bytes([9] * 32))
PEER = NoteKey("d0" * 16, PEER_KEY.public(), KeyKind.COSIGNATURE)


def enrolled_key(world: World) -> NoteKey:
    """Return the key that an outsider is given for the log of *world*."""
    return NoteKey(world.log.origin, world.enrolled)


def cosigned(
    world: World, size: int, *, root: bytes | None = None, origin: str = ""
) -> UnverifiedNote:
    """Return a head with the peer's countersignature; the true one by default."""
    tree = Tree(row.leaf_hash for row in world.log.rows())
    root = tree.root(size) if root is None else root
    text = Checkpoint(origin or world.log.origin, size, root).encode()
    line = cosign_line(text, by=PEER, key=PEER_KEY, time_seconds=1_700_000_000)
    return UnverifiedNote(text, (line,))


def export(
    world: World,
    folder: Path,
    *,
    opened: Iterable[int] = (),
    seen: Iterable[UnverifiedNote] = (),
) -> Path:
    """Export the log of *world* and return where to."""
    export_log(
        world.session,
        world.log,
        folder,
        who="test",
        peers=[PEER],
        open_entries=opened,
        seen=list(seen),
    )
    return folder


def verify(folder: Path, *keys: NoteKey) -> BundleVerdict:
    """Read and check a bundle."""
    return verify_bundle(read_bundle(folder), keys)


def read(folder: Path) -> UnverifiedBundle:
    """Read a bundle."""
    return read_bundle(folder)


def found(outcome: BundleVerdict) -> list[str]:
    """Return what is wrong, in words."""
    return [str(one) for one in outcome.verdict.findings]
