// Light or dark, before anything is painted: what was chosen here, else what the system says.
(() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const show = () => {
    const chosen = localStorage.getItem("theme") ?? (dark.matches ? "dark" : "light");
    document.documentElement.dataset.theme = chosen;
    document.getElementById("theme")?.setAttribute("aria-pressed", String(chosen === "dark"));
  };
  show();
  dark.addEventListener("change", show);
  document.addEventListener("DOMContentLoaded", () => {
    show();
    document.getElementById("theme")?.addEventListener("click", () => {
      const isDark = document.documentElement.dataset.theme === "dark";
      localStorage.setItem("theme", isDark ? "light" : "dark");
      show();
    });
  });
})();
