//! What a series of measurements comes to: the middle and the spread, never a mean that one disturbance can move.

use serde::{Deserialize, Serialize};

/// Sorted figures of one series; all have the same unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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

/// The value that this share of all values does not exceed: 0.5 for the median, 0.99 for all but the slowest hundredth.
/// `None` when there are none.
pub fn percentile(values: &[f64], share: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "a place in a list of measurements"
    )]
    let place = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(place.saturating_sub(1)).copied()
}

/// By how much y grows with x, along the line that fits the points best (least squares). `None` with less than two
/// different x.
pub fn slope(points: &[(f64, f64)]) -> Option<f64> {
    let count = points.iter().map(|_| 1.0).sum::<f64>();
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let together: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    let spread: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
    (spread > 0.0).then(|| together / spread)
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
    #[test]
    fn the_slowest_hundredth() {
        let values: Vec<f64> = (1..=200).map(f64::from).rev().collect();
        assert_eq!(percentile(&values, 0.99), Some(198.0));
        assert_eq!(percentile(&values, 0.5), Some(100.0));
        assert_eq!((percentile(&[7.0], 0.99), percentile(&[], 0.99)), (Some(7.0), None));
    }

    #[test]
    fn the_slope_of_points_on_a_line_and_beside_one() {
        let close = |points: &[(f64, f64)], to: f64| (slope(points).unwrap() - to).abs() < 1e-9;
        assert!(close(&[(1.0, 3.0), (2.0, 5.0), (4.0, 9.0)], 2.0));
        assert!(close(&[(0.0, 0.0), (1.0, 2.0), (2.0, 1.0)], 0.5));
        assert_eq!((slope(&[]), slope(&[(1.0, 1.0)]), slope(&[(1.0, 1.0), (1.0, 2.0)])), (None, None, None));
    }
}
