// Asking the server: failures become one sentence, and a server that is busy is waited for.

/** A failure that can be shown. `again` says whether trying again may help, `after` how many seconds to wait first. */
export class Problem extends Error {
  constructor(detail, { status = 0, after = null, again = true } = {}) {
    super(detail);
    Object.assign(this, { status, after, again });
  }
}

const UNREACHED = "The server cannot be reached. Check the connection, then try again.";

/** What an answer that is no success says, from its status, its Retry-After and its text. */
export function problem(status, retryAfter, text) {
  let detail = null;
  try {
    detail = JSON.parse(text).detail;
  } catch {
    // No JSON: a proxy's page, or S3's XML.
  }
  if (text.includes("EntityTooLarge")) detail = "the file is larger than the server takes; make it smaller first";
  if (status === 401) detail = "The server does not let this page in. Allow its cookies, then try again.";
  detail ??= status === 0 ? UNREACHED : `The server answered with an error (${status}). Try again in a moment.`;
  const seconds = Number.parseFloat(retryAfter);
  const after = Number.isFinite(seconds) ? seconds : retryAfter ? (Date.parse(retryAfter) - Date.now()) / 1000 : null;
  const wording = detail.charAt(0).toUpperCase() + detail.slice(1) + (/[.!?]$/.test(detail) ? "" : ".");
  return new Problem(wording, { status, after: Number.isNaN(after) ? null : after, again: status !== 413 });
}

/** `fetch`, once more where the page's pass has ended: whoever opens the start is given another. */
export async function fetchIn(path, options = {}) {
  const answer = await fetch(path, options);
  if (answer.status !== 401) return answer;
  await fetch("/", { signal: options.signal });
  return fetch(path, options);
}

/** A request for JSON; null for an answer without a body. Throws `Problem`. */
export async function call(method, path, { body, signal } = {}) {
  let answer;
  try {
    const headers = body ? { "Content-Type": "application/json" } : {};
    answer = await fetchIn(path, { method, signal, headers, body: body && JSON.stringify(body) });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(UNREACHED);
  }
  const text = await answer.text();
  if (!answer.ok) throw problem(answer.status, answer.headers.get("Retry-After"), text);
  return text ? JSON.parse(text) : null;
}

/** Wait, unless it is called off. */
export function sleep(seconds, signal) {
  return new Promise((resolve, reject) => {
    const stop = () => (clearTimeout(timer), reject(signal.reason));
    const timer = setTimeout(() => (signal?.removeEventListener("abort", stop), resolve()), seconds * 1000);
    if (signal?.aborted) stop();
    signal?.addEventListener("abort", stop, { once: true });
  });
}

/** `work`, and again for as long as the server says it is busy; `onWait` hears the seconds left, then 0. */
export async function patiently(work, { signal, onWait }) {
  for (let tries = 0; ; tries += 1) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Problem && [429, 503].includes(error.status)) || tries >= 30) throw error;
      const pause = Math.max(1, Math.ceil(error.after ?? Math.min(2 ** tries, 30)));
      for (let left = pause; left > 0; left -= 1) {
        onWait(left);
        await sleep(1, signal);
      }
      onWait(0);
    }
  }
}
