//! How much is measured: all of it for figures that are published, or so little that it is over in minutes and only shows
//! whether something is broken.

#[derive(Clone, Copy)]
pub struct Extent {
    /// What the person wants, instead of a scenario's own number.
    pub repeats: Option<usize>,
    pub quick: bool,
    /// The largest fleet, for a machine or an hour that does not have room for a thousand hospitals.
    pub most_hospitals: Option<usize>,
}

impl Extent {
    /// How often something is measured.
    pub fn repeats(self, full: usize, quick: usize) -> usize {
        self.repeats.unwrap_or_else(|| self.either(full, quick))
    }

    pub fn either<T>(self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }

    /// The sizes that a fleet grows to.
    pub fn sizes<'a>(self, full: &'a [usize], quick: &'a [usize]) -> Vec<usize> {
        let most = self.most_hospitals.unwrap_or(usize::MAX);
        self.either(full, quick).iter().copied().filter(|size| *size <= most).collect()
    }
}
