"""ssh.*: the public keys of SSH keys, and signatures. A private key stays here."""

from __future__ import annotations

import base64
import binascii

from pydantic import Field

from clisk.agent.caller import Caller
from clisk.agent.confirming import is_confirmed
from clisk.agent.core import Agent
from clisk.agent.registry import Answer, NoParams, Params, operation
from clisk.agent.resolve import NoSuchItemError
from clisk.errors import CliskError
from clisk_vault.access_record import Use
from clisk_vault.errors import FormatError
from clisk_vault.ids import ItemId
from clisk_vault.reveal import ReadRequest
from clisk_vault.vault import Vault


class SshKeyLine(Answer):
    """A key that signs; *public* in base64, as it goes over an agent's socket.

    *asks_passphrase*: each signature needs it, by `confirm`.
    """

    item: str
    title: str
    public: str
    asks_passphrase: bool


class SshKeysAnswer(Answer):
    """The keys, and the titles of SSH keys without a public half that can be read."""

    keys: list[SshKeyLine]
    unfit: list[str]


class SignParams(Params):
    """Which key signs what, and why; *public* and *data* in base64."""

    public: str = Field(min_length=1, max_length=32 * 1024)
    data: str = Field(max_length=512 * 1024)
    flags: int = Field(ge=0, lt=1 << 32)
    purpose: str = Field(min_length=1, max_length=200)


class SignAnswer(Answer):
    """The signature in base64, and the item whose key made it."""

    item: str
    signature: str


@operation("ssh.keys", NoParams, SshKeysAnswer)
async def ssh_keys(agent: Agent, _caller: Caller, _params: NoParams) -> SshKeysAnswer:
    """List the SSH keys that can sign, by their public halves; none is opened."""

    def work(vault: Vault) -> SshKeysAnswer:
        answer = SshKeysAnswer(keys=[], unfit=[])
        for item, title, public in _keys(vault):
            if public is None:
                answer.unfit.append(title)
            else:
                line = SshKeyLine(
                    item=item.hex(),
                    title=title,
                    public=base64.b64encode(public).decode(),
                    asks_passphrase=vault.view(item).asks_passphrase,
                )
                answer.keys.append(line)
        return answer

    return await agent.vault(work)


@operation("ssh.sign", SignParams, SignAnswer)
async def ssh_sign(agent: Agent, caller: Caller, params: SignParams) -> SignAnswer:
    """Sign with the private key of an item; the read of it is recorded first."""
    from clisk_vault.ssh_key import sign

    try:
        public = base64.b64decode(params.public, validate=True)
        data = base64.b64decode(params.data, validate=True)
    except (binascii.Error, ValueError):
        raise CliskError(
            "the key or what to sign is not base64",
            advice="the program that asked is at fault: update it, or report it",
        ) from None

    confirmed = is_confirmed(agent, caller)

    def work(vault: Vault) -> SignAnswer:
        item = next((item for item, _, own in _keys(vault) if own == public), None)
        if item is None:
            raise NoSuchItemError("no item has this SSH key")

        def read(field: str) -> ReadRequest:
            who, purpose = caller.requester, params.purpose
            return ReadRequest(
                item, field, who, purpose, use=Use.SSH_SIGN, confirmed=confirmed
            )

        private = vault.reveal(read("ssh.private_key"))
        passphrase = None
        if vault.view(item).has("ssh.passphrase"):
            passphrase = vault.reveal(read("ssh.passphrase"))
        signature = sign(
            private, passphrase, public=public, data=data, flags=params.flags
        )
        return SignAnswer(
            item=item.hex(), signature=base64.b64encode(signature).decode()
        )

    return await agent.vault(work)


def _keys(vault: Vault) -> list[tuple[ItemId, str, bytes | None]]:
    from clisk_vault.ssh_key import parse_public

    found: list[tuple[ItemId, str, bytes | None]] = []
    for each in vault.overviews():
        if each.type != "ssh-key" or each.trashed or each.archived:
            continue
        line = vault.view(each.item).text("ssh.public_key") or ""
        try:
            found.append((each.item, each.title, parse_public(line)))
        except FormatError:
            found.append((each.item, each.title, None))
    return found
