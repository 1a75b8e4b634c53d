// Making elements, in one line each.

/** An element; `on...` are listeners, `class` and everything with a dash are attributes, the rest are properties. */
export function el(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "class" || name === "role" || name.includes("-")) node.setAttribute(name, value);
    else node[name] = value;
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** One of the drawings in icons.svg, all of which the page holds, for the eye alone. */
export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  const use = document.createElementNS(space, "use");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `#icon-${name}`);
  svg.append(use);
  return svg;
}

/** A button with an icon and a word. */
export function button(word, drawing, onclick, kind = "") {
  const picture = drawing ? icon(drawing) : null;
  return el("button", { type: "button", class: `button ${kind}`.trim(), onclick }, picture, word);
}

/** Say something to those who listen rather than look. */
export function announce(sentence) {
  const log = document.getElementById("said");
  log.append(el("p", {}, sentence));
  while (log.children.length > 20) log.firstChild.remove();
}
