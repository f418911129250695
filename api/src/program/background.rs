//! What the service does without being asked, from its start until it is told to stop.

use std::{future::Future, time::Duration};

use tokio_util::sync::CancellationToken;

use crate::{access::first_administrators, state::App, subscription::suspension};

/// Begins all of it.
pub fn start(app: &App, stop: &CancellationToken) {
    until(stop, app.master.clone().keep_looking());
    until(stop, app.payments.clone().keep_settling(app.hospitals.clone()));
    until(stop, suspension::end_sessions(app.hospitals.clone(), app.sessions.clone()));
    until(stop, first_administrators::watch(app.clone()));
    until(stop, forget_idle(app.clone()));
}

fn until(stop: &CancellationToken, work: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(stop.clone().run_until_cancelled_owned(work));
}

/// Keeps the memory of the limits and the hospitals' connections in bounds.
async fn forget_idle(app: App) {
    let idle = Duration::from_secs(app.settings.tenants.idle_seconds);
    let mut period = tokio::time::interval(idle.clamp(Duration::from_secs(1), Duration::from_mins(1)));
    loop {
        period.tick().await;
        app.limits.forget_idle();
        app.tenants.forget_idle().await;
    }
}
