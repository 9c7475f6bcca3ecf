"""The little of a Bitwarden server that `bw` needs to log in, import and export.

Keeps ciphertexts, as a server does, and hands them out again. One account, test
data, no check of a signature: a partner for a program, not a server for people.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import json
import os
import ssl
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import padding, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from tests.certificate import make_certificate

EMAIL, PASSWORD, ROUNDS = "person@test.example", "account password", 5000
USER = "11111111-1111-4111-8111-111111111111"


def enc_string(key: bytes, data: bytes) -> str:
    """Return an EncString of type 2, made without our code."""
    iv = os.urandom(16)
    padder = padding.PKCS7(128).padder()
    padded = padder.update(data) + padder.finalize()
    encryptor = Cipher(algorithms.AES(key[:32]), modes.CBC(iv)).encryptor()
    text = encryptor.update(padded) + encryptor.finalize()
    mac = hmac.digest(key[32:], iv + text, "sha256")
    return "2." + "|".join(base64.b64encode(p).decode() for p in (iv, text, mac))


def _expand(master: bytes) -> bytes:
    return b"".join(
        hmac.digest(master, info + b"\x01", "sha256") for info in (b"enc", b"mac")
    )


class Account:
    """One account: its keys, and what was put into it."""

    def __init__(self) -> None:
        self.user_key = os.urandom(64)
        master = hashlib.pbkdf2_hmac(
            "sha256", PASSWORD.encode(), EMAIL.encode(), ROUNDS
        )
        self.wrapped = enc_string(_expand(master), self.user_key)
        pair = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        der = pair.private_bytes(
            serialization.Encoding.DER,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        public = pair.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self.wrapped_private = enc_string(self.user_key, der)
        self.keys = {
            "publicKeyEncryptionKeyPair": {
                "publicKey": base64.b64encode(public).decode(),
                "wrappedPrivateKey": self.wrapped_private,
            },
            "signatureKeyPair": None,
            "securityState": None,
        }
        thumb = hashlib.sha256(bytes.fromhex("a20104205840") + self.user_key).digest()
        self.key_id = thumb[:16].hex()
        self.ciphers: list[dict[str, Any]] = []
        self.folders: list[dict[str, Any]] = []

    def token(self) -> dict[str, Any]:
        """Return what logging in gives."""
        soon = dt.datetime.now(dt.UTC) + dt.timedelta(hours=2)
        claims = {
            "sub": USER, "email": EMAIL, "email_verified": True, "premium": True,
            "client_id": "cli", "exp": int(soon.timestamp()), "name": "P",
        }  # fmt: skip
        parts = [{"alg": "none"}, claims]
        spelt = [base64.urlsafe_b64encode(json.dumps(p).encode()) for p in parts]
        kdf = {"KdfType": 0, "Iterations": ROUNDS}
        return {
            "access_token": b".".join([*spelt, b"c2ln"]).decode().replace("=", ""),
            "token_type": "Bearer", "expires_in": 7200, "refresh_token": "r",
            "scope": "api offline_access", "Key": self.wrapped, "Kdf": 0,
            "KdfIterations": ROUNDS, "AccountKeys": self.keys,
            "PrivateKey": self.wrapped_private,
            "UserDecryptionOptions": {
                "HasMasterPassword": True,
                "MasterPasswordUnlock": {
                    "Kdf": kdf, "MasterKeyEncryptedUserKey": self.wrapped,
                    "Salt": EMAIL,
                },
            },
        }  # fmt: skip

    def sync(self) -> dict[str, Any]:
        """Return everything that is in the account."""
        return {
            "profile": {
                "id": USER, "email": EMAIL, "emailVerified": True, "premium": True,
                "securityStamp": "s", "creationDate": "2024-01-01T00:00:00.000Z",
                "key": self.wrapped, "accountKeys": self.keys, "organizations": [],
                "providers": [], "providerOrganizations": [],
            },
            "userDecryption": {"userKeyId": self.key_id},
            "ciphers": self.ciphers, "folders": self.folders,
        }  # fmt: skip

    def take(self, request: dict[str, Any]) -> None:
        """Keep what an import brings."""
        now = "2026-01-01T00:00:00.000Z"
        ids = []
        for folder in request["folders"]:
            made = {
                "id": str(uuid.uuid4()),
                "name": folder["name"],
                "revisionDate": now,
            }
            ids.append(made["id"])
            self.folders.append(made)
        place = {
            link["key"]: ids[link["value"]] for link in request["folderRelationships"]
        }
        for number, cipher in enumerate(request["ciphers"]):
            kept = {k: v for k, v in cipher.items() if k not in _ONLY_ASKED}
            self.ciphers.append(
                {
                    **kept, "id": str(uuid.uuid4()), "folderId": place.get(number),
                    "creationDate": now, "revisionDate": now,
                    "organizationUseTotp": True,
                    "edit": True, "viewPassword": True, "collectionIds": [],
                    "deletedDate": None,
                    "permissions": {"delete": True, "restore": True},
                }
            )  # fmt: skip


_ONLY_ASKED = {
    "lastKnownRevisionDate", "encryptedFor", "encryptedByKeyId", "response",
    "attachments", "attachments2",
}  # fmt: skip


class BitwardenServer:
    """Listens on a port of its own, with a certificate of its own."""

    def __init__(self, folder: Path) -> None:
        self.account = Account()
        self.certificate = folder / "ca.pem"
        key_file = folder / "key.pem"
        make_certificate(self.certificate, key_file)
        account = self.account

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path.startswith("/api/sync"):
                    self._answer(account.sync())
                elif self.path.startswith("/api/accounts/revision-date"):
                    self._answer(int(time.time() * 1000))
                elif self.path.startswith("/api/config"):
                    self._answer({"version": "2026.9.0", "featureStates": {}})
                else:
                    self._answer({"message": "not here"}, status=404)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                if self.path.endswith("/prelogin/password"):
                    kdf = {"kdfType": 0, "iterations": ROUNDS}
                    self._answer({"kdfSettings": kdf, "salt": EMAIL})
                elif self.path.endswith("/connect/token"):
                    self._answer(account.token())
                elif self.path.endswith("/ciphers/import"):
                    account.take(json.loads(body))
                    self._answer(None)
                else:
                    self._answer(None, status=204)

            def _answer(self, value: Any, status: int = 200) -> None:
                data = b"" if value is None else json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, key_file)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
