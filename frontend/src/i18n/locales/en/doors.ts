import forms from "./forms.json";
import signIn from "./sign-in.json";

/** What is said behind the four doors: by every form and of what goes wrong, by the sign-ins, and by the pages of links. */
export default { ...forms, ...signIn };
