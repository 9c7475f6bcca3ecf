"""Keys of SSH: the public half as it stands in an item, spellings, and signatures.

A home of cryptography beside primitives.py: these keys are the person's, not
the vault's. What a signature looks like: RFC 4253 §6.6, RFC 5656 §3.1.2,
RFC 8332 §3, RFC 8709 §6.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from clisk_vault.errors import CallerError, FormatError
from clisk_vault.item_types import SSH_KINDS
from clisk_vault.keys import SecretText
from clisk_vault.primitives import sha256

# draft-ietf-sshm-ssh-agent §3.6.1: which hash an RSA signature is wanted with.
RSA_SHA2_256 = 2
RSA_SHA2_512 = 4
_MAX_PUBLIC = 16 * 1024
_MIN_RSA_BITS = 2048
_OPENSSH = "-----BEGIN OPENSSH PRIVATE KEY-----"
_OPENSSH_MAGIC = b"openssh-key-v1\0"
# Of how many strings the private half is made there, by the kind of key.
_PARTS = {b"ssh-ed25519": 2, b"ecdsa-sha2": 3, b"ssh-rsa": 6}
_CURVES: dict[str, hashes.HashAlgorithm] = {
    "secp256r1": hashes.SHA256(),
    "secp384r1": hashes.SHA384(),
    "secp521r1": hashes.SHA512(),
}
_PrivateKey = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
_MAKERS: dict[str, Callable[[], _PrivateKey]] = {
    "ed25519": ed25519.Ed25519PrivateKey.generate,
    "ecdsa-p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "rsa-4096": lambda: rsa.generate_private_key(65537, 4096),
}


def ssh_string(data: bytes) -> bytes:
    """Return *data* after its length in four bytes (RFC 4251 §5)."""
    return len(data).to_bytes(4) + data


_PUBLIC_ADVICE = "it is the one line that this prints: ssh-keygen -y -f KEY"


def parse_public(line: str) -> bytes:
    """Return the key of a line as `ssh-keygen` writes it: `ssh-ed25519 AAAA... name`.

    Raises:
        FormatError: not such a line, or the kind that it names is not the key's.
    """
    words = line.split()
    if len(words) < 2 or len(line) > _MAX_PUBLIC:
        raise FormatError("ssh public key: not a kind and a key", advice=_PUBLIC_ADVICE)
    try:
        blob = base64.b64decode(words[1], validate=True)
    except (binascii.Error, ValueError):
        raise FormatError("ssh public key: not base64", advice=_PUBLIC_ADVICE) from None
    kind = words[0].encode()
    if not blob.startswith(ssh_string(kind)):
        raise FormatError(
            "ssh public key: of another kind than its line says", advice=_PUBLIC_ADVICE
        )
    return blob


def make_key(kind: str) -> SecretText:
    """Return a new private key as `ssh-keygen` writes it, with no passphrase.

    The vault seals it, as it seals any secret.

    Raises:
        CallerError: *kind* is not one of SSH_KINDS.
    """
    make = _MAKERS.get(kind)
    if make is None:
        raise CallerError(
            "ssh key: not a kind that is made here",
            advice=f"one of: {', '.join(SSH_KINDS)}",
        )
    return _as_openssh(make())


def public_half(private: SecretText, passphrase: SecretText | None) -> str:
    """Return the line that `ssh-keygen -y` would print for *private*.

    Raises:
        FormatError: the private key cannot be read, or is of a kind not used here.
    """
    return _public_line(_load(private, passphrase)).decode()


def fingerprint(line: str) -> str:
    """Return what `ssh-keygen -l` shows of a public key: `SHA256:` and its hash.

    Raises:
        FormatError: as parse_public().
    """
    digest = base64.b64encode(sha256(parse_public(line))).rstrip(b"=")
    return f"SHA256:{digest.decode()}"


def pkcs8(private: SecretText, passphrase: SecretText | None) -> bytes:
    """Return *private* in DER as PKCS #8 has it (RFC 5958), under no passphrase.

    Raises:
        FormatError: the private key cannot be read, or is of a kind not used here.
    """
    return _load(private, passphrase).private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def openssh_pem(private: SecretText) -> SecretText:
    """Return *private*, which has no passphrase, as `ssh-keygen` writes it today.

    One that is written so, or as OpenSSH wrote it before, stays as it is.

    Raises:
        FormatError: as pkcs8().
    """
    text = private.expose().strip()
    if text.startswith((_OPENSSH, "-----BEGIN RSA PRIVATE KEY-----")):
        return SecretText(text + "\n")
    return _as_openssh(_load(private, None))


def is_under_passphrase(private: SecretText) -> bool:
    """Return whether *private* says that a passphrase seals it; nothing is opened."""
    text = private.expose().strip()
    if not text.startswith(_OPENSSH):
        return "ENCRYPTED" in text[:200]
    try:
        cipher, _ = _first_string(_openssh_body(text))
    except FormatError:
        return False
    return cipher != b"none"


def comment_of(private: SecretText) -> str:
    """Return the comment in a key that OpenSSH wrote; nothing where none is seen."""
    text = private.expose().strip()
    if not text.startswith(_OPENSSH) or is_under_passphrase(private):
        return ""
    # PROTOCOL.key: cipher, how the key was derived, with which salt; how many; the
    # public key; and all that is private.
    try:
        rest = _openssh_body(text)
        for _ in range(3):
            _, rest = _first_string(rest)
        _, rest = _first_string(rest[4:])
        rest, _ = _first_string(rest)
        kind, rest = _first_string(rest[8:])
        for _ in range(_PARTS.get(kind.partition(b"-nistp")[0], 0)):
            _, rest = _first_string(rest)
        comment, _ = _first_string(rest)
        return comment.decode() if kind.partition(b"-nistp")[0] in _PARTS else ""
    except (FormatError, UnicodeDecodeError):
        return ""


def _openssh_body(text: str) -> bytes:
    """Return what a key holds between its lines, after its magic."""
    try:
        raw = base64.b64decode("".join(text.splitlines()[1:-1]), validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if not raw.startswith(_OPENSSH_MAGIC):
        raise FormatError("ssh key: not as OpenSSH writes it")
    return raw[len(_OPENSSH_MAGIC) :]


def _first_string(data: bytes) -> tuple[bytes, bytes]:
    """Return the string that *data* begins with (RFC 4251 §5), and what follows it."""
    end = 4 + int.from_bytes(data[:4])
    if not 4 <= end <= len(data):
        raise FormatError("ssh key: cut short")
    return data[4:end], data[end:]


def sign(
    private: SecretText,
    passphrase: SecretText | None,
    *,
    public: bytes,
    data: bytes,
    flags: int,
) -> bytes:
    """Return the signature of *data*, as an agent answers it.

    Raises:
        FormatError: the private key cannot be read, or *public* is not its half.
        CallerError: flags that ask for what is not made: SHA-1, above all.
    """
    key = _load(private, passphrase)
    own = base64.b64decode(_public_line(key).split()[1])
    if own != public:
        raise FormatError(
            "ssh key: the item's public key is not that of its private key",
            advice="write it anew: clisk edit ITEM --set"
            ' ssh.public_key="$(ssh-keygen -y -f KEY)"',
        )
    if isinstance(key, rsa.RSAPrivateKey):
        name, signature = _sign_rsa(key, data, flags)
    elif flags:
        raise CallerError(
            "ssh key: a kind of RSA signature was asked of a key that is not RSA",
            advice="the client that asked is at fault: update it, or report it",
        )
    elif isinstance(key, ec.EllipticCurvePrivateKey):
        name = _kind(public)
        r, s = decode_dss_signature(key.sign(data, ec.ECDSA(_CURVES[key.curve.name])))
        signature = _mpint(r) + _mpint(s)
    else:
        name, signature = _kind(public), key.sign(data)
    return ssh_string(name) + ssh_string(signature)


def _sign_rsa(key: rsa.RSAPrivateKey, data: bytes, flags: int) -> tuple[bytes, bytes]:
    if flags == RSA_SHA2_512:
        return b"rsa-sha2-512", key.sign(data, padding.PKCS1v15(), hashes.SHA512())
    if flags == RSA_SHA2_256:
        return b"rsa-sha2-256", key.sign(data, padding.PKCS1v15(), hashes.SHA256())
    raise CallerError(
        "ssh key: a signature by RSA with SHA-1 was asked for, and is not made",
        advice="SHA-1 can be forged: update the client or the server, or use an"
        " Ed25519 key there",
    )


def _load(private: SecretText, passphrase: SecretText | None) -> _PrivateKey:
    raw = private.expose().strip().encode() + b"\n"
    # One that was taken off is of no matter: an export may have done so.
    sealed = passphrase is not None and is_under_passphrase(private)
    password = passphrase.expose().encode() if passphrase and sealed else None
    openssh = raw.startswith(_OPENSSH.encode())
    load = (
        serialization.load_ssh_private_key
        if openssh
        else serialization.load_pem_private_key
    )
    try:
        key = load(raw, password)
    except (TypeError, ValueError, UnsupportedAlgorithm):
        # From None: the library's words may quote the key.
        raise FormatError(
            "ssh key: the private key cannot be read",
            advice="a passphrase belongs into the field ssh.passphrase; or take it off"
            " first: ssh-keygen -p -f KEY",
        ) from None
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in _CURVES:
        return key
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= _MIN_RSA_BITS:
        return key
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key
    raise FormatError(
        "ssh key: neither Ed25519, ECDSA, nor RSA of 2,048 bits",
        advice="make another: ssh-keygen -t ed25519",
    )


def _as_openssh(key: _PrivateKey) -> SecretText:
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.NoEncryption(),
    )
    return SecretText(pem.decode())


def _public_line(key: _PrivateKey) -> bytes:
    return key.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )


def _kind(public: bytes) -> bytes:
    return public[4 : 4 + int.from_bytes(public[:4])]


def _mpint(number: int) -> bytes:
    """Return a positive number as RFC 4251 §5 has it: a zero byte keeps it so."""
    return ssh_string(number.to_bytes(number.bit_length() // 8 + 1))
