import common from "./common.json";
import signIn from "./sign-in.json";

/** What the first page and the sign-ins say. */
export default { ...common, ...signIn };
