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

/// Points on either side of a knee that a line needs to be one.
const SIDE: usize = 3;
/// What is left beside two lines is at most this part of what is left beside one, or there is no knee.
const CLEARLY: f64 = 0.5;

/// Where a curve turns: the last point of the first of two lines that together fit clearly better than one does (least
/// squares). `None` when they do not, or for too few points to tell. The points stand in the order of x.
pub fn knee(points: &[(f64, f64)]) -> Option<f64> {
    let one = rest(points);
    let turns = SIDE..=points.len().checked_sub(SIDE)?;
    let turn = turns.map(|turn| (turn, rest(&points[..turn]) + rest(&points[turn..])));
    let (turn, two) = turn.min_by(|a, b| a.1.total_cmp(&b.1))?;
    (two < one * CLEARLY).then(|| points[turn - 1].0)
}

/// The squares of what lies between the points and the line that fits them best.
fn rest(points: &[(f64, f64)]) -> f64 {
    let count = points.iter().map(|_| 1.0).sum::<f64>();
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y, slope) = (mean(|point| point.0), mean(|point| point.1), slope(points).unwrap_or_default());
    points.iter().map(|point| (point.1 - y - slope * (point.0 - x)).powi(2)).sum()
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

    #[test]
    fn a_curve_that_turns_has_a_knee_where_it_does() {
        let curve = |of: fn(f64) -> f64| (1..=20).map(f64::from).map(|x| (x, of(x))).collect::<Vec<_>>();
        assert_eq!(knee(&curve(|x| if x <= 8.0 { 20.0 - x } else { 11.5 })), Some(8.0));
        assert_eq!(knee(&curve(|x| 3.0 * x)), None);
        // Up and down beside a line.
        assert_eq!(knee(&curve(|x| 3.0 * x + (x * 7.0) % 3.0)), None);
        assert_eq!((knee(&[]), knee(&[(1.0, 1.0), (2.0, 5.0), (3.0, 1.0)])), (None, None));
    }
}
