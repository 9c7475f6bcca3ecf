// A relay of secsync: its own connection handler, and a store that is a map in memory.
// secsync-server leaves the store to whoever hosts it (its example has PostgreSQL);
// this one keeps nothing and so costs the least that any could.
import { createServer } from "node:http";
import sodium from "libsodium-wrappers";
import {
  SecsyncNewSnapshotRequiredError,
  SecsyncSnapshotBasedOnOutdatedSnapshotError,
} from "secsync";
import { createWebSocketConnection } from "secsync-server";
import { WebSocketServer } from "ws";

await sodium.ready;
const documents = new Map();

function open(id) {
  if (!documents.has(id)) {
    documents.set(id, { snapshot: undefined, updates: [], clocks: new Map() });
  }
  return documents.get(id);
}

const handle = createWebSocketConnection({
  getDocument: async ({ documentId }) => {
    const { snapshot, updates } = open(documentId);
    return { snapshot, snapshotProofChain: [], updates };
  },
  createSnapshot: async ({ snapshot }) => {
    const { docId, parentSnapshotId } = snapshot.publicData;
    const active = open(docId).snapshot?.publicData.snapshotId ?? "";
    if (parentSnapshotId !== active) {
      throw new SecsyncSnapshotBasedOnOutdatedSnapshotError("outdated");
    }
    documents.set(docId, { snapshot, updates: [], clocks: new Map() });
    return snapshot;
  },
  createUpdate: async ({ update }) => {
    const { docId, refSnapshotId, pubKey, clock } = update.publicData;
    const document = open(docId);
    if (document.snapshot?.publicData.snapshotId !== refSnapshotId) {
      throw new SecsyncNewSnapshotRequiredError("another snapshot");
    }
    if (clock !== (document.clocks.get(pubKey) ?? -1) + 1) {
      throw new Error("not the next update of its author");
    }
    document.clocks.set(pubKey, clock);
    document.updates.push(update);
    return update;
  },
  hasAccess: async () => true,
  hasBroadcastAccess: async ({ websocketSessionKeys }) =>
    websocketSessionKeys.map(() => true),
  logging: "error",
});

const server = createServer();
new WebSocketServer({ server }).on("connection", handle);
server.listen(Number(process.env.PORT), process.env.HOST, () =>
  console.log("running"),
);
