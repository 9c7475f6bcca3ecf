// y-websocket's own client. Its server acknowledges nothing, but sends each update to
// its author too; that echo is the nearest to an acknowledgement there is.
import { WebSocket } from "ws";
import { WebsocketProvider } from "y-websocket";
import * as Y from "yjs";

const SYNC = 0;
const UPDATE = 2; // of y-protocols: a sync message that carries one

export class Client {
  doc = new Y.Doc();
  #sent = 0;
  #echoed = 0;
  #wake = () => {};

  static async open(url, room) {
    const client = new Client(url, room);
    await new Promise((resolve) => client.provider.once("sync", resolve));
    return client;
  }

  constructor(url, room) {
    this.provider = new WebsocketProvider(url, room, this.doc, {
      WebSocketPolyfill: WebSocket,
      disableBc: true, // all clients are in one process: they would skip the server
    });
    this.doc.on("update", (_change, origin) => {
      if (origin !== this.provider) this.#sent += 1;
    });
    const read = this.provider.messageHandlers[SYNC];
    this.provider.messageHandlers[SYNC] = (encoder, decoder, ...rest) => {
      if (decoder.arr[decoder.pos] === UPDATE) this.#echoed += 1;
      read(encoder, decoder, ...rest);
      this.#wake();
    };
  }

  /** Wait until all that was changed here came back; nobody else may change anything. */
  async acknowledged() {
    while (this.#echoed < this.#sent) {
      await new Promise((resolve) => (this.#wake = resolve));
    }
  }

  close() {
    this.provider.destroy();
  }
}
