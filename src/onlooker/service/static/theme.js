// Before anything is painted: the colours chosen last time, and that scripts run. Not a module, so that it comes first.
(() => {
  const root = document.documentElement;
  root.classList.add("scripted");
  try {
    const chosen = localStorage.getItem("theme");
    if (chosen === "dark" || chosen === "light") root.dataset.theme = chosen;
  } catch {
    // Storage is switched off: the system's colours it is.
  }
})();
