//! Transactions that nobody will finish. MongoDB keeps one whose client was killed for a minute, and with it the place in
//! the audit log that it had taken: until then, nothing more could be written or read in that hospital.

use std::time::Duration;

use bson::{Document, doc};
use futures::TryStreamExt as _;

use super::TenantDatabase;
use crate::program::beside::beside;

/// Between two commands of a transaction whose client lives, far less passes. One that lived after all begins anew.
const IDLE: Duration = Duration::from_secs(2);

/// How often is looked while something waits.
const LOOK: Duration = Duration::from_millis(500);

/// Does `work`, and meanwhile ends the transactions that stand in its way.
pub(super) async fn ending<T>(database: &TenantDatabase, work: impl Future<Output = T>) -> T {
    let looks = async {
        loop {
            tokio::time::sleep(LOOK).await;
            end(database).await;
        }
    };
    beside(work, looks).await
}

/// Ends them. A login may look at its own sessions and end them, and this one is the hospital's own.
pub(super) async fn end(database: &TenantDatabase) {
    let idle = i64::try_from(IDLE.as_micros()).unwrap_or(i64::MAX);
    let look = [
        doc! { "$currentOp": { "allUsers": false, "idleSessions": true } },
        doc! { "$match": { "type": "idleSession", "transaction.timeInactiveMicros": { "$gt": idle } } },
        doc! { "$project": { "id": "$lsid.id" } },
    ];
    let admin = database.0.client().database("admin");
    let Ok(found) = admin.aggregate(look).await else { return };
    let Ok(found) = found.try_collect::<Vec<Document>>().await else { return };
    let sessions: Vec<Document> = found.iter().filter_map(|session| Some(doc! { "id": session.get("id")? })).collect();
    if sessions.is_empty() {
        return;
    }
    let count = sessions.len();
    let ended = admin.run_command(doc! { "killSessions": sessions }).await.is_ok();
    tracing::warn!(count, ended, "transactions that a killed process had left open");
}
