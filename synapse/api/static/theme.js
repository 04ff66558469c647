// Runs before anything is painted, so that a chosen theme never flashes. Without a choice the system's applies.
(() => {
  let theme = null;
  try {
    theme = localStorage.getItem("synapse-theme");
  } catch {
    // Storage may be forbidden; the system's theme is fine then.
  }
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
})();
