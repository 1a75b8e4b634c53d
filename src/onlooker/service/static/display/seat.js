// One screen is one page. Two tabs of one browser settle it by a lock of the browser, which needs no server; pages of
// two browsers by the server.

import { ask, identity } from "/static/display/server.js";

const LOCK = "onlooker-display";
const PATIENCE = 600; // ms

export class Seat {
  /** A name that outlives a reload, and says nothing. */
  page = named();
  held = false;
  #lost;
  #release = null;

  /** `lost` is called where another page takes over. */
  constructor(lost) {
    this.#lost = lost;
  }

  /** Whether this page may play; `waits` where it was refused before, `take` where somebody wants it whoever else plays. */
  async claim({ waits = false, take = false } = {}) {
    if (this.held) return true;
    if (!(await this.#lock(take))) return false;
    try {
      const { yours } = await ask("POST", "/display/seat", { page: this.page, waits, take }, 4000);
      this.held = yours;
    } catch {
      this.held = true; // the server is away, and this browser has the adverts
    }
    if (!this.held) this.#release?.();
    return this.held;
  }

  /** The server says who plays. */
  told(holder) {
    if (this.held && holder !== this.page) this.leave();
  }

  leave() {
    if (!this.held) return;
    this.held = false;
    this.#release?.();
    this.#lost();
  }

  /** The browser's lock, until `#release`. A page that is not secure has no locks, and asks the server alone. */
  #lock(steal) {
    if (!navigator.locks) return Promise.resolve(true);
    return new Promise((answer) => {
      // A page that is loaded anew may still hold it for a moment.
      const how = steal ? { steal } : { signal: AbortSignal.timeout(PATIENCE) };
      navigator.locks
        .request(LOCK, how, () => {
          answer(true);
          return new Promise((release) => (this.#release = release));
        })
        .catch((error) => {
          answer(error.name === "SecurityError"); // no locks here; else another tab has it
          this.leave(); // or has just taken it
        });
    });
  }
}

function named() {
  try {
    sessionStorage.page ??= identity();
    return sessionStorage.page;
  } catch {
    return identity();
  }
}
