/* The colours the reader chose, before anything is drawn: in their system's, unless they said else. */
(() => {
  let chosen = null;
  try {
    chosen = localStorage.getItem("warp17-theme");
  } catch {
    // not kept, where the browser keeps nothing
  }
  if (chosen === "light" || chosen === "dark")
    document.documentElement.dataset.theme = chosen;
})();
