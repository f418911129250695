//! One line that says how far a long build is: redrawn on a terminal, printed now and then elsewhere.

use std::{
    io::{IsTerminal, Write},
    time::{Duration, Instant},
};

/// How often a log file gets a line.
const INTERVAL: Duration = Duration::from_secs(10);

pub(super) struct Progress {
    terminal: bool,
    started: Instant,
    last: Option<Instant>,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self { terminal: std::io::stderr().is_terminal(), started: Instant::now(), last: None }
    }

    /// Shows a line now, or not if there was one just before.
    pub(super) fn show(&mut self, text: &str) {
        let pause = if self.terminal { Duration::from_millis(100) } else { INTERVAL };
        if self.last.is_some_and(|last| last.elapsed() < pause) {
            return;
        }
        self.last = Some(Instant::now());
        let mut out = std::io::stderr();
        // Progress that cannot be shown is no reason to stop.
        if self.terminal { write!(out, "\r\x1b[K  {text}") } else { writeln!(out, "  {text}") }.ok();
        out.flush().ok();
    }

    /// Shows how much of the whole is done, and from that how long the rest takes.
    pub(super) fn share(&mut self, done: usize, of: usize, what: &str) {
        let elapsed = self.started.elapsed();
        let left = if done * 20 < of {
            String::new()
        } else if done >= of {
            ", linking".to_owned()
        } else {
            let done = u32::try_from(done).unwrap_or(u32::MAX);
            let rest = u32::try_from(of).unwrap_or(u32::MAX) - done;
            format!(", about {} left", clock(elapsed / done.max(1) * rest))
        };
        let percent = (done * 100 / of.max(1)).min(100);
        self.show(&format!("{percent:3} %  {what}: {done} of {of} packages, {} so far{left}", clock(elapsed)));
    }

    /// Clears the line on a terminal and says how long it took.
    pub(super) fn finish(self, text: &str) {
        let clear = if self.terminal { "\r\x1b[K" } else { "" };
        eprintln!("{clear}  {text} ({})", clock(self.started.elapsed()));
    }
}

fn clock(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds => format!("{} min {:02} s", seconds / 60, seconds % 60),
    }
}
