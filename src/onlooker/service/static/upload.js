// A picture's way to the server: a form is asked for, sent wherever it says, and the job started.

import { call, patiently, problem } from "./http.js";

/** Send a file; the job that answers it. `onProgress` hears 0 to 1, `onWait` the seconds that the server asks for. */
export async function submit(file, { keep, signal, onProgress, onWait }) {
  const patience = { signal, onWait };
  const body = { name: file.name, options: { keep } };
  const form = await patiently(() => call("POST", "/v1/uploads", { body, signal }), patience);
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
    const stop = () => request.abort();
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
