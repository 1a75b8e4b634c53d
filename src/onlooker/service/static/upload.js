// A picture's way to the server: a form is asked for, sent wherever it says, and the job started.

import { call, patiently, problem } from "./http.js";

/** Milliseconds that a file which has left is given to arrive, where it is called off. */
const GRACE = 10_000;

/** Send a file; the job that answers it. `onId` hears the job's id before any byte is sent, `onProgress` 0 to 1,
 * `onWait` the seconds that the server asks for. Called off, it ends once nothing more of the file can arrive. */
export async function submit(file, { keep, signal, onId, onProgress, onWait }) {
  const patience = { signal, onWait };
  const body = { name: file.name, options: { keep } };
  const form = await patiently(() => call("POST", "/v1/uploads", { body, signal }), patience);
  onId(form.id);
  await patiently(() => send(form, file, { signal, onProgress }), patience);
  return patiently(() => call("POST", "/v1/jobs", { body: { upload: form.id }, signal }), patience);
}

/** The form's fields in order, then the file. XMLHttpRequest, because fetch tells nothing of how far it is. */
function send(form, file, { signal, onProgress }) {
  const data = new FormData();
  for (const [name, value] of Object.entries(form.fields)) data.append(name, value);
  data.append("file", file, file.name);
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    let sent = false;
    // What has left will arrive: deleted before that, it would stay.
    const stop = () => (sent ? setTimeout(() => request.abort(), GRACE) : request.abort());
    request.upload.onload = () => (sent = true);
    request.upload.onprogress = (event) => event.lengthComputable && onProgress(event.loaded / event.total);
    request.onload = () => {
      if (request.status >= 200 && request.status < 300) resolve();
      else reject(problem(request.status, request.getResponseHeader("Retry-After"), request.responseText));
    };
    request.onerror = () => reject(problem(0, null, ""));
    request.onabort = () => reject(new DOMException("called off", "AbortError"));
    request.onloadend = () => signal.removeEventListener("abort", stop);
    signal.addEventListener("abort", stop, { once: true });
    request.open("POST", form.url);
    request.send(data);
    if (signal.aborted) stop();
  });
}
