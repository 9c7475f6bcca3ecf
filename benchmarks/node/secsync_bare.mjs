// secsync's functions on a bare socket, without its state machine: each change is an
// update of its own, sealed, signed and sent at once. No client of secsync is faster.
import {
  createInitialSnapshot,
  createUpdate,
  deserializeUint8ArrayUpdates,
  generateId,
  serializeUint8ArrayUpdates,
  verifyAndDecryptSnapshot,
  verifyAndDecryptUpdate,
} from "secsync";
import { WebSocket } from "ws";
import * as Y from "yjs";
import { enrol, isValidClient, key, sodium } from "./secsync_keys.mjs";

export class Client {
  doc = new Y.Doc();
  #keys = enrol();
  #publicKey = sodium.to_base64(this.#keys.publicKey);
  #clocks = new Map();
  #clock = -1;
  #acknowledged = -1;
  #wake = () => {};
  #snapshotId;

  static async open(url, room) {
    const client = new Client(url, room);
    await client.ready;
    return client;
  }

  constructor(url, room) {
    this.room = room;
    this.socket = new WebSocket(`${url}/${room}?sessionKey=anyone`);
    this.ready = new Promise((resolve, reject) => {
      this.socket.on("error", reject);
      this.socket.on("message", (data) => this.#take(JSON.parse(data), resolve));
    });
    this.doc.on("update", (change, origin) => {
      if (origin !== this) this.#send(change);
    });
  }

  /** Wait until the server acknowledged all that was changed here. */
  async acknowledged() {
    while (this.#acknowledged < this.#clock) {
      await new Promise((resolve) => (this.#wake = resolve));
    }
  }

  close() {
    this.socket.terminate();
  }

  #send(change) {
    this.#clock += 1;
    const update = createUpdate(
      serializeUint8ArrayUpdates([change], sodium),
      { refSnapshotId: this.#snapshotId, docId: this.room, pubKey: this.#publicKey },
      key,
      this.#keys,
      this.#clock,
      sodium,
    );
    this.socket.send(JSON.stringify(update));
  }

  #take(message, ready) {
    switch (message.type) {
      case "document":
        if (message.snapshot === undefined) return this.#begin();
        this.#readSnapshot(message.snapshot);
        for (const update of message.updates) this.#read(update);
        return ready();
      case "snapshot-saved":
        return ready();
      case "update":
        return this.#read(message);
      case "update-saved":
        this.#acknowledged = message.clock;
        return this.#wake();
      default:
        throw new Error(`the server of secsync said ${message.type}`);
    }
  }

  #begin() {
    this.#snapshotId = generateId(sodium);
    const snapshot = createInitialSnapshot(
      Y.encodeStateAsUpdate(this.doc),
      {
        snapshotId: this.#snapshotId,
        docId: this.room,
        pubKey: this.#publicKey,
        parentSnapshotId: "",
        parentSnapshotUpdateClocks: {},
      },
      key,
      this.#keys,
      sodium,
    );
    this.socket.send(JSON.stringify(snapshot));
  }

  #readSnapshot(snapshot) {
    this.#admit(snapshot);
    const own = this.#keys.publicKey;
    const read = verifyAndDecryptSnapshot(snapshot, key, this.room, own, sodium);
    if (read.error) throw read.error;
    this.#snapshotId = snapshot.publicData.snapshotId;
    Y.applyUpdate(this.doc, read.content, this);
  }

  #read(update) {
    this.#admit(update);
    const author = update.publicData.pubKey;
    const clock = this.#clocks.get(author) ?? -1;
    const read = verifyAndDecryptUpdate(update, key, this.#snapshotId, clock, sodium);
    if (read.error) throw read.error;
    this.#clocks.set(author, read.clock);
    const text = sodium.to_string(read.content);
    for (const change of deserializeUint8ArrayUpdates(text, sodium)) {
      Y.applyUpdate(this.doc, change, this);
    }
  }

  #admit({ publicData }) {
    if (!isValidClient(publicData.pubKey)) throw new Error("written by a stranger");
  }
}
