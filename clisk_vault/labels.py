"""The one table of domain separation: protocol/key-schedule.md §3.

Every HKDF label, signature context and sealing context is a row here and is
used for one thing only.
"""

from __future__ import annotations

from enum import Enum, unique


@unique
class Label(bytes, Enum):
    """What a key, a signature or a sealed text is for."""

    # primitives
    AEAD = b"clisk/1/aead"
    # device file
    UNLOCK_KEY = b"clisk/1/unlock-key"
    DEVICE_ID = b"clisk/1/device-id"
    DEVICE_SECRETS = b"clisk/1/device-secrets"
    LOCAL_KEY = b"clisk/1/local-key"
    LOCAL_ROW = b"clisk/1/local-row"
    # epoch secret
    ENVELOPE_KEY = b"clisk/1/envelope-key"
    SNAPSHOT_KEY = b"clisk/1/snapshot-key"
    FIELD_KEY = b"clisk/1/field-key"
    LOG_KEY = b"clisk/1/log-key"
    NAME_KEY = b"clisk/1/device-name-key"
    EPOCH_CHAIN_KEY = b"clisk/1/epoch-chain-key"
    EPOCH_COMMITMENT = b"clisk/1/epoch-commitment"
    # items and grants
    FIELD = b"clisk/1/field"
    CHUNK = b"clisk/1/chunk"
    CHUNK_ID = b"clisk/1/chunk-id"
    GRANT = b"clisk/1/grant"
    IMPORT_KEY = b"clisk/1/import-key"
    # access log
    LOG_COMMITMENT = b"clisk/1/log-commitment"
    LOG_PAYLOAD = b"clisk/1/log-payload"
    # membership
    MEMBERSHIP_RECORD = b"clisk/1/membership-record"
    DEVICE_NAME = b"clisk/1/device-name"
    EPOCH_WRAP = b"clisk/1/epoch-wrap"
    EPOCH_CHAIN = b"clisk/1/epoch-chain"
    # envelopes
    ENVELOPE = b"clisk/1/envelope"
    ENVELOPE_BODY = b"clisk/1/envelope-body"
    # snapshots
    SNAPSHOT = b"clisk/1/snapshot"
    SNAPSHOT_PART = b"clisk/1/snapshot-part"
    SNAPSHOT_ACK = b"clisk/1/snapshot-ack"
    # relay
    RELAY_LOGIN = b"clisk/1/relay-login"
    RELAY_CHALLENGE = b"clisk/1/relay-challenge"
    RELAY_TOKEN = b"clisk/1/relay-token"
    # pairing: one a message
    PAIRING_HELLO = b"clisk/1/pairing-hello"
    PAIRING_CHALLENGE = b"clisk/1/pairing-challenge"
    PAIRING_OPENING = b"clisk/1/pairing-opening"
    PAIRING_WELCOME = b"clisk/1/pairing-welcome"
    PAIRING_COMMITMENT = b"clisk/1/pairing-commitment"
    PAIRING_CODE = b"clisk/1/pairing-code"
    PAIRING_MAILBOX = b"clisk/1/pairing-mailbox"
    # recovery kit
    RECOVERY_SIGNING_KEY = b"clisk/1/recovery-signing-key"
    RECOVERY_WRAPPING_KEY = b"clisk/1/recovery-wrapping-key"
    RECOVERY_LOG_KEY = b"clisk/1/recovery-log-key"
    RECOVERY_COSIGN_KEY = b"clisk/1/recovery-cosign-key"
    # compared by people
    SAFETY_CODE = b"clisk/1/safety-code"
