// What became of a job: heard from the server's stream, or asked for where the stream breaks.

import { Problem, call, patiently, sleep } from "./http.js";

/** Milliseconds without a word after which a stream counts as broken; the server's own heartbeat is hidden from us. */
const SILENCE = 8000;

const GONE = "The picture was deleted, or its time was up. Send it again.";

/** The job once it is done or has failed. Throws `Problem` where it cannot be known. */
export async function follow(id, { signal, onWait }) {
  return (await listen(id, signal)) ?? (await ask(id, { signal, onWait }));
}

/** Picture and answer go, now. That they were gone already, or never came, is as good. */
export async function remove(id, { signal, onWait = () => {} } = {}) {
  try {
    await patiently(() => call("DELETE", `/v1/jobs/${id}`, { signal }), { signal, onWait });
  } catch (error) {
    if (error.status !== 404) throw error;
  }
}

const over = (job) => job.status === "done" || job.status === "failed";

/** The stream's last job; null where the stream broke first. */
function listen(id, signal) {
  return new Promise((resolve, reject) => {
    const stream = new EventSource(`/v1/jobs/${id}/events`);
    let timer = setTimeout(() => end(resolve, null), SILENCE);
    const end = (settle, value) => {
      clearTimeout(timer);
      stream.close();
      signal.removeEventListener("abort", stop);
      settle(value);
    };
    const stop = () => end(reject, signal.reason);
    stream.addEventListener("job", (event) => {
      const job = JSON.parse(event.data);
      if (over(job)) end(resolve, job);
      clearTimeout(timer);
      timer = setTimeout(() => end(resolve, null), SILENCE);
    });
    stream.addEventListener("gone", () => end(reject, new Problem(GONE, { status: 404 })));
    stream.addEventListener("problem", () => end(resolve, null));
    stream.onerror = () => end(resolve, null);
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
  });
}

async function ask(id, { signal, onWait }) {
  let pause = 0.25;
  for (let unreached = 0; ; pause = Math.min(pause * 1.6, 5)) {
    try {
      const job = await patiently(() => call("GET", `/v1/jobs/${id}`, { signal }), { signal, onWait });
      if (over(job)) return job;
      unreached = 0;
    } catch (error) {
      if (error.status === 404) throw new Problem(GONE, { status: 404 });
      if (error.status !== 0 || ++unreached > 6) throw error;
    }
    await sleep(pause, signal);
  }
}
