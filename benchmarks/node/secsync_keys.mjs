// What the clients of secsync share: the document's key, and who may write.
// libsodium-wrappers stays at 0.7.13: what 0.7.16 imports as a module it does not ship.
import sodium from "libsodium-wrappers";
import { createSignatureKeyPair } from "secsync";

await sodium.ready;

export const key = sodium.randombytes_buf(32);
const authors = new Set();

/** Return the signing keys of a new client that all the others will accept. */
export function enrol() {
  const pair = createSignatureKeyPair(sodium);
  authors.add(sodium.to_base64(pair.publicKey));
  return pair;
}

/** Whether a client accepts what the holder of this key wrote. */
export function isValidClient(publicKey) {
  return authors.has(publicKey);
}

export { sodium };
