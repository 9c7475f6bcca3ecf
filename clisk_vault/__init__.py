"""One device: keys, items, storage, grants, access log and transfer.

What most callers need is here; the formats and parts are modules of their own.
"""

from clisk_vault.access_log import AccessLog
from clisk_vault.access_record import (
    AccessRecord,
    Outcome,
    Requester,
    RequesterKind,
    Use,
)
from clisk_vault.device import DevicePublic, DeviceSecrets, enrol
from clisk_vault.draft import Edit, FieldValue, ItemDraft, elements
from clisk_vault.errors import (
    CallerError,
    LockedError,
    PassphraseError,
    ReadRefused,
    StoreError,
    UnsupportedError,
    UntrustedInputError,
    VaultError,
)
from clisk_vault.generator import (
    Generated,
    PasswordRules,
    generate_password,
)
from clisk_vault.grant_record import Grant, Signer
from clisk_vault.grants import GrantState
from clisk_vault.ids import DeviceId, GrantId, ItemId, VaultId
from clisk_vault.item import ItemView
from clisk_vault.keys import EpochSecret, SecretBytes, SecretText
from clisk_vault.opening import read_public
from clisk_vault.overview import ItemOverview
from clisk_vault.passphrase import Argon2Profile, CostLimits
from clisk_vault.replica import IncomingChange, Quarantined, Replica
from clisk_vault.reveal import ReadRequest
from clisk_vault.vault import Vault
from clisk_vault.vault_file import KeyringSecret, VaultHeader

__all__ = [
    "AccessLog",
    "AccessRecord",
    "Argon2Profile",
    "CallerError",
    "CostLimits",
    "DeviceId",
    "DevicePublic",
    "DeviceSecrets",
    "Edit",
    "EpochSecret",
    "FieldValue",
    "Generated",
    "Grant",
    "GrantId",
    "GrantState",
    "IncomingChange",
    "ItemDraft",
    "ItemId",
    "ItemOverview",
    "ItemView",
    "KeyringSecret",
    "LockedError",
    "Outcome",
    "PassphraseError",
    "PasswordRules",
    "Quarantined",
    "ReadRefused",
    "ReadRequest",
    "Replica",
    "Requester",
    "RequesterKind",
    "SecretBytes",
    "SecretText",
    "Signer",
    "StoreError",
    "UnsupportedError",
    "UntrustedInputError",
    "Use",
    "Vault",
    "VaultError",
    "VaultHeader",
    "VaultId",
    "elements",
    "enrol",
    "generate_password",
    "read_public",
]
