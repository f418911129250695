//! How many hospitals are kept connected, with how many connections each, and for how long.

use serde::Deserialize;

use crate::program::settings::section::Mistakes;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TenantSettings {
    /// How many hospitals are kept connected at once.
    pub connected_hospitals: u64,
    /// A hospital that nobody works in is disconnected after this many seconds.
    pub idle_seconds: u64,
    /// MongoDB connections for one hospital.
    pub connections_per_hospital: u32,
    /// A connection that is not used is closed after this many seconds.
    pub idle_connection_seconds: u64,
}

impl Default for TenantSettings {
    fn default() -> Self {
        Self { connected_hospitals: 500, idle_seconds: 600, connections_per_hospital: 10, idle_connection_seconds: 60 }
    }
}

impl TenantSettings {
    /// Names what is wrong although every field can be read.
    pub fn check(&self, mistakes: &mut Mistakes) {
        let numbers = [
            ("connected_hospitals", self.connected_hospitals),
            ("idle_seconds", self.idle_seconds),
            ("connections_per_hospital", self.connections_per_hospital.into()),
            ("idle_connection_seconds", self.idle_connection_seconds),
        ];
        for (name, _) in numbers.iter().filter(|(_, number)| *number == 0) {
            mistakes.add(&format!("tenants.{name}"), "must be at least 1");
        }
    }
}
