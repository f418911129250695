function given(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set; the tests are run by: make test-browser`);
  return value;
}

/** Where the API serves the front end. */
export const url = given("CHAKRAVUE_URL");

/** Where the Rust test does what a browser cannot: take MongoDB away, suspend a hospital with kubectl. */
export const control = given("CHAKRAVUE_CONTROL_URL");

/** With which hospitals' names begin, and so do their databases, so that all of them are removed again. */
export const prefix = process.env.CHAKRAVUE_PREFIX ?? "";

/** The one-time link of the platform's administrator. */
export const platformInvitation = given("CHAKRAVUE_PLATFORM_INVITATION");

export const chromium = given("CHROMIUM");
