// Plays, in IndexedDB until the server has acknowledged them. Their ids make it safe to send them again.

import { ask } from "/static/display/server.js";

const AT_ONCE = 100;
const PAUSES = [1000, 2000, 5000, 10000, 30000];

export class Plays {
  #db = null;
  #memory = new Map(); // where the browser has no IndexedDB: `${store}/${key}`
  #sent = 0;
  #sending = null;
  #failed = 0;

  async ready() {
    this.#db = await new Promise((resolve) => {
      let request;
      try {
        request = indexedDB.open("onlooker-display", 1);
      } catch {
        resolve(null);
        return;
      }
      request.onupgradeneeded = () => {
        request.result.createObjectStore("over", { keyPath: "id" });
        request.result.createObjectStore("kept");
      };
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => resolve(null);
    });
  }

  /** Something to have again after a reload. */
  remember(key, value) {
    return this.#write(["kept"], (store) => store.kept.put(value, key), () => this.#memory.set(`kept/${key}`, value));
  }

  recall(key) {
    return this.#read("kept", (store) => store.get(key), () => this.#memory.get(`kept/${key}`) ?? null);
  }

  /** A play has begun. */
  open(play) {
    return this.remember("open", { ...play, ticked: Date.now() });
  }

  opened() {
    return this.recall("open");
  }

  /** It goes on. */
  async tick(id, shown) {
    const open = await this.opened();
    if (open?.id === id) await this.remember("open", { ...open, shown_ms: shown, ticked: Date.now() });
  }

  /** It is over: in one step no longer open, and waiting to be sent. */
  async close(play) {
    const ended = new Date(Date.parse(play.started_at) + play.shown_ms).toISOString();
    const whole = { ...play, ended_at: ended, reason: play.reason ?? "" };
    await this.#write(
      ["kept", "over"],
      (store) => (store.over.put(whole), store.kept.delete("open")),
      () => (this.#memory.set(`over/${play.id}`, whole), this.#memory.delete("kept/open")),
    );
    this.flush();
  }

  /** Plays that wait, and plays acknowledged since the page was opened. */
  async health() {
    return { waiting: await this.#count(), sent: this.#sent };
  }

  /** Send what waits now; once at a time. */
  flush() {
    this.#sending ??= this.#send().finally(() => (this.#sending = null));
    return this.#sending;
  }

  keepSending() {
    const again = async () => {
      await this.flush();
      setTimeout(again, PAUSES[Math.min(this.#failed, PAUSES.length - 1)]);
    };
    again();
  }

  async #send() {
    for (;;) {
      const plays = await this.#first();
      if (!plays.length) return;
      try {
        const body = { plays, ...(await this.health()) };
        const { acknowledged } = await ask("POST", "/display/plays", body, 10000);
        await this.#write(
          ["over"],
          (store) => acknowledged.forEach((id) => store.over.delete(id)),
          () => acknowledged.forEach((id) => this.#memory.delete(`over/${id}`)),
        );
        this.#sent += acknowledged.length;
        this.#failed = 0;
      } catch {
        this.#failed += 1;
        return;
      }
    }
  }

  #first() {
    const within = () => [...this.#memory].filter(([key]) => key.startsWith("over/")).map(([, play]) => play);
    return this.#read("over", (store) => store.getAll(null, AT_ONCE), () => within().slice(0, AT_ONCE));
  }

  #count() {
    const within = () => [...this.#memory.keys()].filter((key) => key.startsWith("over/")).length;
    return this.#read("over", (store) => store.count(), within);
  }

  #read(name, work, without) {
    if (!this.#db) return Promise.resolve(without());
    return new Promise((resolve, reject) => {
      const request = work(this.#db.transaction(name).objectStore(name));
      request.onsuccess = () => resolve(request.result ?? null);
      request.onerror = () => reject(request.error);
    });
  }

  #write(names, work, without) {
    if (!this.#db) return Promise.resolve(void without());
    return new Promise((resolve, reject) => {
      const transaction = this.#db.transaction(names, "readwrite", { durability: "strict" });
      work(Object.fromEntries(names.map((name) => [name, transaction.objectStore(name)])));
      transaction.oncomplete = () => resolve();
      transaction.onerror = transaction.onabort = () => reject(transaction.error);
    });
  }
}
