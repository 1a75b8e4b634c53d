// A photograph taken in the page. The camera is on only while its picture is seen, and let go whatever happens.

import { button, el } from "./dom.js";
import { openDialog } from "./dialog.js";
import { encode } from "./export.js";

const WHY = {
  NotAllowedError: "The browser may not use the camera. Allow it in the address bar, then try again.",
  NotFoundError: "There is no camera here. Choose a picture instead.",
  NotReadableError: "Another program uses the camera. Close that one, then try again.",
};

export const hasCamera = () => window.isSecureContext && Boolean(navigator.mediaDevices?.getUserMedia);

/** Open the camera; `onPicture` is given the photograph as a file. */
export function openCamera(onPicture) {
  let stream = null;
  let open = true;
  const video = el("video", { autoplay: true, muted: true, playsInline: true, "aria-label": "What the camera sees" });
  const still = el("canvas", { hidden: true, role: "img", "aria-label": "The photograph that was taken" });
  const said = el("p", { class: "camera-said", role: "status" }, "Starting the camera…");
  const pick = el("select", { "aria-label": "Camera", hidden: true, onchange: () => start(pick.value) });
  const shutter = button("Take photo", "camera", () => take(), "primary");
  const use = button("Use this photo", "picture", () => finish(), "primary");
  const again = button("Retake", "again", () => start(pick.value));

  const release = () => {
    stream?.getTracks().forEach((track) => track.stop());
    stream = video.srcObject = null;
  };
  const look = (state) => {
    video.hidden = state === "taken";
    still.hidden = state !== "taken";
    shutter.hidden = state === "taken";
    shutter.disabled = state !== "live";
    use.hidden = again.hidden = state !== "taken";
  };

  async function start(device) {
    release();
    look("starting");
    try {
      const wanted = device ? { deviceId: { exact: device } } : { facingMode: "user" };
      const size = { width: { ideal: 1920 }, height: { ideal: 1080 } };
      const got = await navigator.mediaDevices.getUserMedia({ video: { ...wanted, ...size }, audio: false });
      if (!open) return got.getTracks().forEach((track) => track.stop());
      stream = video.srcObject = got;
      const settings = got.getVideoTracks()[0].getSettings();
      // A mirror for whoever looks into it; not where the camera looks away from them.
      const mirrored = settings.facingMode !== "environment";
      [video, still].forEach((node) => node.classList.toggle("mirrored", mirrored));
      await video.play();
      await offer(settings.deviceId);
      said.textContent = mirrored ? "You see yourself as in a mirror; the photo is the right way round." : "";
      look("live");
      shutter.focus();
    } catch (error) {
      if (open) said.textContent = WHY[error.name] ?? `The camera does not start (${error.message}).`;
      release();
    }
  }

  async function offer(current) {
    const cameras = (await navigator.mediaDevices.enumerateDevices()).filter(({ kind }) => kind === "videoinput");
    const options = cameras.map(({ deviceId, label }, index) =>
      el("option", { value: deviceId, selected: deviceId === current }, label || `Camera ${index + 1}`),
    );
    pick.replaceChildren(...options);
    pick.hidden = cameras.length < 2;
  }

  function take() {
    Object.assign(still, { width: video.videoWidth, height: video.videoHeight });
    still.getContext("2d").drawImage(video, 0, 0);
    release();
    look("taken");
    said.textContent = "The camera is off. Nothing has been sent yet.";
    use.focus();
  }

  async function finish() {
    const blob = await encode(still, "image/jpeg");
    const time = new Date().toTimeString().slice(0, 8).replaceAll(":", "");
    dialog.close();
    onPicture(new File([blob], `photo-${time}.jpg`, { type: "image/jpeg" }));
  }

  const buttons = el("div", { class: "buttons" }, shutter, use, again, pick);
  const body = el("div", { class: "camera" }, el("div", { class: "viewfinder" }, video, still), said, buttons);
  const dialog = openDialog("Take a photo", body, () => {
    open = false;
    release();
    window.removeEventListener("pagehide", release);
  });
  window.addEventListener("pagehide", release);
  look("starting");
  start();
}
