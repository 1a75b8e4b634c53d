// The API's page: examples to copy, a picture to try, and the colours chosen on the other pages.

const by = (id) => document.getElementById(id);

function offerCopies() {
  if (!navigator.clipboard) return;
  for (const figure of document.querySelectorAll(".code")) {
    const copy = document.createElement("button");
    copy.type = "button";
    copy.className = "quiet copy";
    copy.textContent = "Copy";
    copy.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(figure.querySelector("code").textContent);
        copy.textContent = "Copied";
      } catch {
        copy.textContent = "Not allowed here";
      }
      setTimeout(() => (copy.textContent = "Copy"), 2000);
    });
    figure.querySelector("figcaption").append(copy);
  }
}

/** The steps of a Server-Timing header, in milliseconds. */
export function steps(header) {
  const found = [...(header ?? "").matchAll(/([\w-]+);dur=([\d.]+)/g)];
  return found.map(([, name, milliseconds]) => [name, Number(milliseconds)]);
}

function showSteps(timing) {
  const most = Math.max(1, ...timing.map(([, milliseconds]) => milliseconds));
  const rows = timing.map(([name, milliseconds]) => {
    const row = document.createElement("li");
    const bar = Object.assign(document.createElement("progress"), { max: most, value: milliseconds });
    bar.setAttribute("aria-label", name);
    const [left, right] = [document.createElement("span"), document.createElement("span")];
    left.textContent = name;
    right.textContent = `${milliseconds.toFixed(1)} ms`;
    row.append(left, bar, right);
    return row;
  });
  by("bars").replaceChildren(...rows);
  by("bars").hidden = rows.length === 0;
}

function show(text, timing = [], json = "") {
  by("outcome").textContent = text;
  showSteps(timing);
  by("json").textContent = json;
  by("result").hidden = !json;
}

/** JSON for people: lists of numbers on one line. */
function pretty(value) {
  return JSON.stringify(value, null, 2).replace(/\[[\s\d.,-]+\]/g, (list) => list.replace(/\s+/g, "").replaceAll(",", ", "));
}

function sentence(status, answer, took) {
  if (status !== 200) return `${status}: ${answer.detail ?? "no answer of ours"}`;
  const faces = answer.faces.length;
  return `200 after ${Math.round(took)} ms, with ${faces === 1 ? "one face" : `${faces} faces`}.`;
}

/** Only the latest picture's answer is shown, also where an earlier one comes after it. */
let latest = 0;

async function ask(picture, name) {
  const mine = (latest += 1);
  const key = by("key").value.trim();
  if (key && !/^[!-~]+$/.test(key)) {
    show("The key holds a space or a letter that no key has. Copy it again.");
    return;
  }
  show("Reading the picture ...");
  const headers = { "Content-Type": picture.type || "application/octet-stream" };
  if (key) headers["X-API-Key"] = key;
  const begun = performance.now();
  try {
    const answer = await fetch(`/v1/analyze?name=${encodeURIComponent(name)}`, { method: "POST", headers, body: picture });
    const body = await answer.json();
    if (mine !== latest) return;
    const timing = steps(answer.headers.get("Server-Timing"));
    show(sentence(answer.status, body, performance.now() - begun), timing, pretty(body));
  } catch {
    if (mine === latest) show("The server cannot be reached. Check the connection, then try again.");
  }
}

function offerTry() {
  by("ask").addEventListener("submit", (event) => event.preventDefault());
  by("file").addEventListener("change", () => {
    const [picture] = by("file").files;
    if (picture) ask(picture, picture.name);
    by("file").value = "";
  });
  by("sample").addEventListener("click", async () => {
    try {
      const answer = await fetch("/samples/grace_hopper.jpg");
      if (!answer.ok) throw new Error(String(answer.status));
      await ask(await answer.blob(), "grace_hopper.jpg");
    } catch {
      show("The sample did not come. Choose a picture of your own.");
    }
  });
}

function offerColours() {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : dark.matches);
  const mark = () => by("theme").setAttribute("aria-pressed", String(isDark()));
  by("theme").addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    try {
      localStorage.setItem("theme", root.dataset.theme);
    } catch {
      // Storage is switched off: it holds until the page is left.
    }
    mark();
  });
  dark.addEventListener("change", mark);
  mark();
}

// On a narrow screen the contents would fill the first one whole.
by("contents").open = !matchMedia("(max-width: 66rem)").matches;
offerCopies();
offerTry();
offerColours();
