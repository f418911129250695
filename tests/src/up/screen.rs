//! What a person sees: one line per step with the time it took, then the programs' logs, each line with its origin.

use std::{
    io::{IsTerminal, Write},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

/// Colours that are readable on dark and light.
const CYAN: &str = "36";
const MAGENTA: &str = "35";
const BOLD: &str = "1";

#[derive(Clone)]
pub(crate) struct Screen {
    colours: bool,
    /// Logs come after the steps, so that those stay together.
    logs: Arc<AtomicBool>,
}

impl Screen {
    pub(crate) fn new() -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self { colours: wanted && std::io::stdout().is_terminal(), logs: Arc::new(AtomicBool::new(false)) }
    }

    pub(crate) fn title(&self, text: &str) {
        self.say(&format!("{}\n", self.coloured(BOLD, text)));
    }

    /// A terminal that is gone must not stop us from stopping in order, so errors are ignored.
    #[expect(clippy::unused_self, reason = "everything that is shown goes through the screen")]
    pub(crate) fn say(&self, text: &str) {
        writeln!(std::io::stdout(), "{text}").ok();
    }

    pub(crate) fn step(&self, name: &'static str) -> Step<'_> {
        Step { screen: self, name, started: Instant::now() }
    }

    pub(super) fn show_logs(&self) {
        self.logs.store(true, Ordering::Relaxed);
    }

    pub(super) fn log(&self, program: &str, line: &str) {
        if self.logs.load(Ordering::Relaxed) {
            let colour = if program == "operator" { CYAN } else { MAGENTA };
            self.say(&format!("{} {line}", self.coloured(colour, &format!("{program:<8} |"))));
        }
    }

    fn coloured(&self, colour: &str, text: &str) -> String {
        if self.colours { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

pub(crate) struct Step<'a> {
    screen: &'a Screen,
    name: &'static str,
    started: Instant,
}

impl Step<'_> {
    pub(crate) fn done(self, result: &str) {
        let took = self.started.elapsed().as_secs_f64();
        self.screen.say(&format!("  {:<11} {took:>6.1} s   {result}", self.name));
    }
}
