//! How much is measured: all of it for figures that are published, or so little that it is over in minutes and only shows
//! whether something is broken.

#[derive(Clone, Copy)]
pub struct Extent {
    /// What the person wants, instead of a scenario's own number.
    pub repeats: Option<usize>,
    pub quick: bool,
}

impl Extent {
    /// How often something is measured.
    pub fn repeats(self, full: usize, quick: usize) -> usize {
        self.repeats.unwrap_or_else(|| self.either(full, quick))
    }

    pub fn either<T>(self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }
}
