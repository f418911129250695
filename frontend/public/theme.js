// Runs before anything is painted, so that nobody who chose dark sees a flash of white, or their page in another language.
const theme = localStorage.getItem("chakravue.theme");
if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;

// What the person chose, else the first language of the browser that there is. `src/i18n/index.ts` goes on with it.
const languages = ["en", "de"];
const spoken = [localStorage.getItem("chakravue.language"), ...navigator.languages.map((tag) => tag.split("-")[0])];
document.documentElement.lang = spoken.find((tag) => languages.includes(tag)) ?? "en";
