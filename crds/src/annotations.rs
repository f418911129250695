//! Annotations with which a person steers the operator, which reads them and never writes one; and the web service's own.

/// Takes over a retained hospital from another namespace or name. The value is the retained `organizationId`.
pub const ADOPT_ORGANIZATION: &str = "chakravue.io/adopt-organization";

/// Takes over a database that exists without any claim (value `"true"`). Heeded only when the operator itself was
/// started with `--allow-database-adoption`.
pub const ADOPT_DATABASE: &str = "chakravue.io/adopt-database";

/// Leaves the hospital as it is (value `"true"`): nothing is made, mended or removed until the annotation is gone.
pub const PAUSED: &str = "chakravue.io/paused";

/// Lets a deleted object go although MongoDB cannot be reached. The value is the database name, so that nobody sets
/// it by habit; database, user and claim are left behind.
pub const FORCE_RELEASE: &str = "chakravue.io/force-release";

/// Gives the hospital a new password whenever its value is another than before; any value will do, such as the date.
/// Only the first [`LONGEST_ROTATION`] characters count.
pub const ROTATE_CREDENTIALS: &str = "chakravue.io/rotate-credentials";

/// How many characters of a rotation's value are told apart and remembered.
pub const LONGEST_ROTATION: usize = 64;

/// Confirms that somebody knows of a suspected loss of data. The value is the `.status.dataLoss.detectedAt` that it
/// confirms, so that it never hides a later loss; or, where the claim itself is lost, the `.status.organizationId` that is
/// given up, to begin anew with an empty database.
pub const ACKNOWLEDGE_DATA_LOSS: &str = "chakravue.io/acknowledge-data-loss";

/// The domain of all of them.
pub const DOMAIN: &str = "chakravue.io/";

/// Says which signup made an object, so that a repeated request knows its own. The web service's.
pub const SIGNUP: &str = "chakravue.io/signup";

/// All that have a meaning.
pub const ALL: [&str; 7] =
    [ADOPT_ORGANIZATION, ADOPT_DATABASE, PAUSED, FORCE_RELEASE, ROTATE_CREDENTIALS, ACKNOWLEDGE_DATA_LOSS, SIGNUP];
