// A dialog over the page; the browser keeps the focus within it, and gives it back.

import { el, icon } from "./dom.js";

/** Open a dialog with a title; `onClose` runs however it is closed. */
export function openDialog(title, body, onClose = () => {}) {
  const close = el("button", { type: "button", class: "quiet square", "aria-label": "Close" }, icon("close"));
  const heading = el("h2", { id: "dialog-title" }, title);
  const dialog = el(
    "dialog",
    { class: "dialog", "aria-labelledby": "dialog-title" },
    el("div", { class: "dialog-head" }, heading, close),
    body,
  );
  const before = document.activeElement;
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("pointerdown", ({ clientX, clientY }) => {
    const { left, top, right, bottom } = dialog.getBoundingClientRect();
    if (clientX < left || clientX > right || clientY < top || clientY > bottom) dialog.close();
  });
  dialog.addEventListener("close", () => {
    onClose();
    dialog.remove();
    before?.focus?.();
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}
