//! What a series of measurements comes to: the middle and the spread, never a mean that one disturbance can move.

use serde::Serialize;

/// Sorted figures of one series; all have the same unit.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    pub median: f64,
    pub min: f64,
    pub first_quartile: f64,
    pub third_quartile: f64,
    pub max: f64,
    pub count: usize,
}

impl Summary {
    /// `None` for an empty series.
    pub fn of(values: &[f64]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len().checked_sub(1)?;
        // The nearest measurement that was really made; only the median may lie between two.
        let quartile = |quarters: usize| sorted[(last * quarters + 2) / 4];
        Some(Self {
            median: f64::midpoint(sorted[last / 2], sorted[last.div_ceil(2)]),
            min: sorted[0],
            first_quartile: quartile(1),
            third_quartile: quartile(3),
            max: sorted[last],
            count: sorted.len(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_a_series() {
        let summary = Summary::of(&[5.0, 1.0, 3.0, 2.0, 4.0]).unwrap();
        assert_eq!(
            summary,
            Summary { median: 3.0, min: 1.0, first_quartile: 2.0, third_quartile: 4.0, max: 5.0, count: 5 }
        );
    }

    #[test]
    fn short_series() {
        assert_eq!(Summary::of(&[]), None);
        assert!((Summary::of(&[1.0, 2.0]).unwrap().median - 1.5).abs() < f64::EPSILON);
        let one = Summary::of(&[7.0]).unwrap();
        assert_eq!((one.first_quartile.to_bits(), one.max.to_bits()), (7.0_f64.to_bits(), 7.0_f64.to_bits()));
    }
}
