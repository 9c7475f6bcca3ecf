// Clients of one peer, all in this process: node measure.mjs FILE URL. Each line of
// the input asks for one work, in JSON; a line of the output says what it took.
import { randomBytes } from "node:crypto";
import { createInterface } from "node:readline";
import { isDeepStrictEqual } from "node:util";
import { getState } from "yjs";

const PATIENCE_SECONDS = 180;
const AT_ONCE = 100; // changes, before the other sockets have their turn

const [file, url] = process.argv.slice(2);
const { Client } = await import(`./${file}`);
process.setMaxListeners(0); // each client of y-websocket listens for the exit
let rooms = 0;
let pairs = [];

/** One writes, the other reads. */
class Pair {
  static async open() {
    const pair = new Pair();
    pair.room = `room-${(rooms += 1)}`;
    pair.writer = await Client.open(url, pair.room);
    pair.change("opening", 8);
    await pair.writer.acknowledged();
    pair.reader = await Client.open(url, pair.room);
    await pair.arrived();
    return pair;
  }

  change(item, characters) {
    const value = randomBytes(characters / 2).toString("hex");
    this.writer.doc.getMap().set(item, value);
  }

  /** Wait until *doc* has all that the writer has. */
  arrived(doc = this.reader.doc) {
    const author = this.writer.doc.clientID;
    const whole = getState(this.writer.doc.store, author);
    return new Promise((resolve) => {
      const look = () => {
        if (getState(doc.store, author) < whole) return;
        doc.off("update", look);
        resolve();
      };
      doc.on("update", look);
      look();
    });
  }

  /** Throw unless *doc* says what the writer's says. */
  check(doc = this.reader.doc) {
    const [its, written] = [doc, this.writer.doc].map((each) => each.getMap().toJSON());
    if (!isDeepStrictEqual(its, written)) throw new Error("a change was lost");
  }

  async write(times, characters, { acknowledged }) {
    for (let number = 0; number < times; number += 1) {
      this.change("item", characters);
      if (acknowledged) await this.writer.acknowledged();
    }
    await this.arrived();
  }
}

const works = {
  async open({ count }) {
    for (let number = 0; number < count; number += 1) pairs.push(await Pair.open());
    return {};
  },

  async carry({ changes, items, characters }) {
    const [pair] = pairs;
    const taken = await timed(async () => {
      for (let number = 0; number < changes; number += 1) {
        pair.change(`item ${number % items}`, characters);
        if (number % AT_ONCE === 0) await new Promise(setImmediate);
      }
      await pair.arrived();
    });
    pair.check();
    return taken;
  },

  async catch_up() {
    const [pair] = pairs;
    let fresh;
    const taken = await timed(async () => {
      fresh = await Client.open(url, pair.room);
      await pair.arrived(fresh.doc);
    });
    pair.check(fresh.doc);
    fresh.close();
    return taken;
  },

  async latencies({ times, characters }) {
    const [pair] = pairs;
    const latencies = [];
    for (let number = 0; number < times; number += 1) {
      const { seconds } = await timed(() => {
        pair.change("item", characters);
        return pair.arrived();
      });
      latencies.push(seconds);
      await pair.writer.acknowledged();
    }
    return { latencies };
  },

  async write({ each, characters, acknowledged }) {
    const write = (pair) => pair.write(each, characters, { acknowledged });
    const taken = await timed(() => Promise.all(pairs.map(write)));
    for (const pair of pairs) pair.check();
    return taken;
  },

  async close() {
    for (const { writer, reader } of pairs) {
      writer.close();
      reader.close();
    }
    pairs = [];
    return {};
  },
};

async function timed(work) {
  const started = performance.now();
  await work();
  return { seconds: (performance.now() - started) / 1000 };
}

for await (const line of createInterface({ input: process.stdin })) {
  const { work, ...given } = JSON.parse(line);
  const impatient = setTimeout(() => {
    console.error(`${file}: ${work} is not done after ${PATIENCE_SECONDS} s`);
    process.exit(1);
  }, PATIENCE_SECONDS * 1000);
  console.log(JSON.stringify(await works[work](given)));
  clearTimeout(impatient);
}
process.exit(); // clients keep timers that would hold it
