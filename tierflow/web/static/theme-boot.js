// Runs before anything is painted: resolves the theme "auto" and restores the folded navigation, so that nothing jumps.
(function () {
  "use strict";
  var root = document.documentElement;
  root.setAttribute("data-js", "");
  var dark = window.matchMedia("(prefers-color-scheme: dark)");
  function resolve() {
    var wish = root.getAttribute("data-theme");
    root.setAttribute("data-bs-theme", wish === "dark" || (wish === "auto" && dark.matches) ? "dark" : "light");
  }
  resolve();
  dark.addEventListener("change", resolve);
  root.addEventListener("tierflow:theme", resolve);
  try {
    if (window.localStorage.getItem("tierflow.nav") === "folded") root.setAttribute("data-nav", "folded");
  } catch (error) {
    // Storage may be forbidden; the navigation is then simply unfolded.
  }
})();
