"""Opening HPKE a second time: MLKEM768-X25519 is X-Wing (KEM id 0x647a).

RFC 9180 §5 and draft-connolly-cfrg-xwing-kem written out over the two halves, to
check that the wrapped bytes of a vector open without the library's own HPKE.
Wrapping is random by nature, so one wrapping is kept here and never made anew.
"""

from __future__ import annotations

import hashlib
import hmac

from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import (
    X25519PrivateKey,
    X25519PublicKey,
)
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

_SUITE_ID = b"HPKE" + bytes.fromhex("647a00010003")
_XWING_LABEL = rb"""\.//^\ """.rstrip()

# Made once with key and secret from Randomness("wrap").
KEPT_INFO = b"clisk/1/epoch-wrap\0example"
KEPT_WRAPPED = bytes.fromhex(
    "6eac8b24341502fcd0a7fd77ec2d733d7eb8090708e7586979c12a603ebad1bc6ea39367156b"
    "ad9a1b47334fa3d9c12c675eabfc7fb1ff96570330480432b95e685396171b7e3d95e1ccd890"
    "81881c027a2badcc4fb5f4e3ae2c428310e60231e94a116b50dbed6df16364baf2f7ccbee92e"
    "1d6f11b110d2e7af5019637060c810cf55ed5b8c4858e85ba72577fd2d795abf34ff6844ab06"
    "b26a1a60bf90bb44e2878eb73fcc724bf897e8750920d98bb18d2678e883f3dd02cd1e91fcb3"
    "be16a92c43689ee9c79b4f15fc7a0df4a974ba93322f73651dcc153681e516589614b86c18d7"
    "7cbd51b76640b94885b8334c3b938dec2548e694ee5d99fea7043f60ca309cf7b78fba6f5dcb"
    "6c2a2d5bb1b9019f390f57a2060c0672c2da48422dbb5b3ef5365db61974ba3eeaafd09dbe0c"
    "81a821041b7ca281d15d9292ee2bc40ea72b6c7ef78c139711e7fee3cf6a570091e9b9cfc17a"
    "4ced693405159f574520f54b708e08287e388f65af9bed8883ad84fec69d88302e7c6e284079"
    "4235e9cad806f600d4312236b79eb12c1c72d0f3c1e1aba1a7aeef60817bd6214c52de4c7042"
    "358010f5623d693ddcc617100a366ca8cc4b16282da5bde60ef6e868ff1bf517719501e535e0"
    "1d456cf9ad66b1dd8a9f3177deef87afe154b94b8d3d326abfb4343e74af425d477999b4971b"
    "c7a059b896da6017d4cb6febd25e715f62b1b1bf0ce3d5bf8e8ef4a50ac0c434923360ca2726"
    "0d6156291623ecd0d5aaae8cdf4c2b3a56208c7416b6ca1542f8320d80d8b9d8514dd415fc08"
    "86d9a2e3f6e39a5cb02f19e2070767be36a0c9f7ac9c5b7d4bc327bbd4a9422533a4a8c1eced"
    "83b168ab50dd90355e8466743de5d90e234bda1f5f6a5c50377a856ef8bef623c4b940d5907e"
    "d685b936b662edc943e704423ff9b31c9784ad642c69346d379eb29bd81a774460a893ce0d53"
    "c10ad86bc8e81278207c7ee27f7154cd76418a35fb5a3b0d30ed1399e912bd041327dbc1173d"
    "b4b2b0967fc7bb19f811d2111a4a1ce6607b06662cde8a31a349fe03348d2c869f4d0f377247"
    "346b91792fe074ba793ec65ffd5f2fb89e080b1aa4d06a5e83e281e2c534a366b2132fd811f6"
    "6d49c33d1ef371cbe5335b6c6772b86a4e58ec087d422e9f3bc38a95f1da67f09e3cff8af661"
    "dd48f56d6ec67b56ca7d6c24a2db04ed216ef19b9e01012ee345d1b60dc042c59c9b27a93dbd"
    "2da89d0af88e00f4dc236068963cb6a8ff0abfb08c9bf9e3427bfcc01916a45b58433bf104ca"
    "20bf5357b3626912360b67366e840a01df7f436bb8b275217ac4eb35350d7121afefdeb7b2e3"
    "b1fd6f467524692c73bf7215042293d070e118dd6d098a55cf1cb679772c7e88dff3ce9bf0ae"
    "429019f03b671c8ec0ab62e00d27921b58b884ca84c1b034ef22fc57edbab6cb1162bd3f1741"
    "4bc772b9ff85399cac48f99c2b41902c31a20d30a1c70cf35da8037155505477b15c53eafc1e"
    "db660d6d6d707a70a8e4e86603db24f031254f346b06d6298afaaf5bcf38705ce297fec2a34b"
    "5f9d37fba3e39cc1d1fa2da27437e58bc96cc9b288191fb74acca771351e7747b1ff5cbe0b03"
    "dcfe99516d7ddb999524bca8cfa11846c38cc08b4319726dc82e64cf"
)


def _parts(raw: bytes) -> tuple[MLKEM768PrivateKey, X25519PrivateKey]:
    return (
        MLKEM768PrivateKey.from_seed_bytes(raw[:64]),
        X25519PrivateKey.from_private_bytes(raw[64:]),
    )


def wrap_public(raw: bytes) -> bytes:
    """Return the public half of a 96-byte wrapping key."""
    mlkem, x25519 = _parts(raw)
    return (
        mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw()
    )


def unwrap(raw: bytes, wrapped: bytes, *, info: bytes) -> bytes:
    """Return the secret in *wrapped* (RFC 9180 §5.1, base mode)."""
    mlkem, x25519 = _parts(raw)
    shared_m = mlkem.decapsulate(wrapped[:1088])
    share = wrapped[1088:1120]
    shared_x = x25519.exchange(X25519PublicKey.from_public_bytes(share))
    own = x25519.public_key().public_bytes_raw()
    shared = hashlib.sha3_256(shared_m + shared_x + share + own + _XWING_LABEL)
    context = b"\0" + _extract(b"psk_id_hash", b"") + _extract(b"info_hash", info)
    secret = _extract(b"secret", b"", salt=shared.digest())
    key = _expand(secret, b"key", context, 32)
    nonce = _expand(secret, b"base_nonce", context, 12)
    return ChaCha20Poly1305(key).decrypt(nonce, wrapped[1120:], b"")


def _extract(label: bytes, ikm: bytes, *, salt: bytes = b"") -> bytes:
    labelled = b"HPKE-v1" + _SUITE_ID + label + ikm
    return hmac.digest(salt or bytes(32), labelled, "sha256")


def _expand(prk: bytes, label: bytes, info: bytes, length: int) -> bytes:
    labelled = length.to_bytes(2) + b"HPKE-v1" + _SUITE_ID + label + info
    return hmac.digest(prk, labelled + b"\1", "sha256")[:length]
