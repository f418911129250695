// Runs before anything is painted, so that nobody who chose dark sees a flash of white.
const theme = localStorage.getItem("chakravue.theme");
if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
