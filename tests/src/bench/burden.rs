//! Work that goes on beside what is measured and has nothing to do with it, as much of it as one wants: what the same
//! contender would reach if the processors were shared as somebody else's are.

use std::{thread, time::Duration};

use rustix::time::{ClockId, clock_gettime};

/// What servers do comes in pieces, between which they wait.
const PIECE: Duration = Duration::from_millis(1);

/// Takes so much of the processors' time, whatever else goes on; and with the pauses at least twice as long.
pub fn bear(time: Duration) {
    let mut left = time;
    while left > Duration::ZERO {
        let piece = PIECE.min(left);
        take(piece);
        left -= piece;
        thread::sleep(PIECE);
    }
}

fn take(time: Duration) {
    let end = used() + time;
    while used() < end {
        std::hint::spin_loop();
    }
}

/// The processor time of this thread since its start; what others take of the processor meanwhile is not in it.
fn used() -> Duration {
    let used = clock_gettime(ClockId::ThreadCPUTime);
    // A time since a thread's start is never negative, and its nanoseconds are fewer than a second's.
    Duration::new(used.tv_sec.unsigned_abs(), u32::try_from(used.tv_nsec).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn it_takes_as_much_of_a_processor_as_it_should() {
        let (wanted, before, began) = (Duration::from_millis(20), used(), Instant::now());
        bear(wanted);
        let taken = used().saturating_sub(before);
        assert!(taken >= wanted && taken < wanted * 2, "{taken:?}");
        assert!(began.elapsed() >= wanted * 2);
    }
}
