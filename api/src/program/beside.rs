//! Something that goes on for as long as the work it accompanies, such as the renewal of a lease.

use std::convert::Infallible;

/// Does `work`, and `company` beside it, which ends with it.
///
/// Both are polled, always. In a loop of `select!` whose arm awaits something of its own, the work would stand still
/// meanwhile; and where it had just been given the last connection of a pool, and the arm waits for one, for ever.
pub async fn beside<T>(work: impl Future<Output = T>, company: impl Future<Output = Infallible>) -> T {
    tokio::select! {
        done = work => done,
        never = company => match never {},
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::{sync::Semaphore, time::sleep};

    use super::*;

    #[tokio::test]
    async fn the_work_goes_on_while_its_company_waits_for_what_the_work_has() {
        let pool = Semaphore::new(1);
        let work = async {
            let one = pool.acquire().await.unwrap();
            sleep(Duration::from_millis(50)).await;
            drop(one);
            "done"
        };
        let company = async {
            loop {
                sleep(Duration::from_millis(5)).await;
                drop(pool.acquire().await.unwrap());
            }
        };
        assert_eq!(beside(work, company).await, "done");
    }
}
