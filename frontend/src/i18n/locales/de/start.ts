import common from "./common.json";
import welcome from "./welcome.json";

/** What the first page says, and what is said everywhere. */
export default { ...common, ...welcome };
