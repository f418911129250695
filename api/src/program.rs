//! How the service starts, what it is told, what it says of itself, and how it ends.

pub mod administrators;
pub mod background;
pub mod beside;
pub mod check_urls;
pub mod cli;
pub mod clock;
pub mod indexes;
pub mod kubernetes;
pub mod metrics;
pub mod public_url;
pub mod reference;
pub mod secret_key;
pub mod server;
pub mod settings;
pub mod telemetry;
