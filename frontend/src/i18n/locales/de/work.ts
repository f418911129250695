import clinic from "./clinic.json";
import office from "./office.json";
import platform from "./platform.json";
import signup from "./signup.json";
import workspace from "./workspace.json";

/** What everything behind the sign-ins says, and the sign-up. */
export default { ...workspace, ...signup, ...clinic, ...office, ...platform };
