import signIn from "./sign-in.json";

/** What is said behind the four doors: by the sign-ins, and by the pages of links. */
export default signIn;
