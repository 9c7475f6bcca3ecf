// secsync's own client, its state machine, as its documentation joins it with Yjs. It
// sends what gathered while it was busy as one update.
import {
  createSyncMachine,
  deserializeUint8ArrayUpdates,
  serializeUint8ArrayUpdates,
} from "secsync";
import { WebSocket } from "ws";
import { createActor, waitFor } from "xstate";
import * as Y from "yjs";
import { enrol, isValidClient, key, sodium } from "./secsync_keys.mjs";

globalThis.WebSocket ??= WebSocket; // a browser's, which Node has only from version 22

const PATIENCE = { timeout: 60_000 };

export class Client {
  doc = new Y.Doc();
  #actor;

  static async open(url, room) {
    const client = new Client(url, room);
    await waitFor(
      client.#actor,
      ({ context }) => context._documentDecryptionState === "complete",
      PATIENCE,
    );
    return client;
  }

  constructor(url, room) {
    this.#actor = createActor(createSyncMachine(), {
      input: {
        documentId: room,
        websocketEndpoint: url,
        websocketSessionKey: "anyone",
        signatureKeyPair: enrol(),
        sodium,
        isValidClient,
        getSnapshotKey: () => key,
        getNewSnapshotData: () => ({
          data: Y.encodeStateAsUpdate(this.doc),
          key,
          publicData: {},
        }),
        shouldSendSnapshot: () => false,
        applySnapshot: (snapshot) => Y.applyUpdate(this.doc, snapshot, this),
        applyChanges: (changes) => {
          for (const change of changes) Y.applyUpdate(this.doc, change, this);
        },
        serializeChanges: (changes) => serializeUint8ArrayUpdates(changes, sodium),
        deserializeChanges: (text) => deserializeUint8ArrayUpdates(text, sodium),
        applyEphemeralMessage: () => {},
        logging: "error",
      },
    }).start();
    this.doc.on("update", (change, origin) => {
      if (origin !== this) this.#actor.send({ type: "ADD_CHANGES", data: [change] });
    });
  }

  /** Wait until the server acknowledged all that was changed here. */
  async acknowledged() {
    await waitFor(
      this.#actor,
      ({ context }) =>
        context._pendingChangesQueue.length === 0 &&
        context._updatesInFlight.length === 0 &&
        context._snapshotInFlight === null,
      PATIENCE,
    );
  }

  close() {
    this.#actor.send({ type: "DISCONNECT" });
    this.#actor.stop();
  }
}
