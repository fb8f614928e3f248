// Light or dark theme, set before the first paint: the stored choice, otherwise the system's preference.
(() => {
  const prefersDark = matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {
    const theme = localStorage.getItem("theme") ?? (prefersDark.matches ? "dark" : "light");
    document.documentElement.dataset.theme = theme;
    document.getElementById("theme")?.setAttribute("aria-pressed", String(theme === "dark"));
  };
  apply();
  prefersDark.addEventListener("change", apply);
  document.addEventListener("DOMContentLoaded", () => {
    apply();
    document.getElementById("theme")?.addEventListener("click", () => {
      const isDark = document.documentElement.dataset.theme === "dark";
      localStorage.setItem("theme", isDark ? "light" : "dark");
      apply();
    });
  });
})();
