//! When each write was under way, so that a test can tell how many databases were changed side by side.

use std::{collections::HashMap, time::Instant};

/// A write from when the proxy had read it until the server had answered; what holds it back in between counts.
pub(super) struct Span {
    pub(super) command: String,
    pub(super) database: String,
    pub(super) began: Instant,
    pub(super) ended: Instant,
}

/// How many different databases had one of these spans under way at the same moment, at the most.
pub(super) fn most_databases_at_once<'a>(spans: impl Iterator<Item = &'a Span>) -> usize {
    let mut edges: Vec<(Instant, bool, &str)> =
        spans.flat_map(|s| [(s.began, true, s.database.as_str()), (s.ended, false, s.database.as_str())]).collect();
    // An end goes before a beginning at the same moment: the one may be why the other was sent.
    edges.sort_unstable();
    let (mut under_way, mut most) = (HashMap::<&str, usize>::new(), 0);
    for (_, begins, database) in edges {
        let count = under_way.entry(database).or_default();
        if begins {
            *count += 1;
        } else {
            *count = count.saturating_sub(1);
        }
        most = most.max(under_way.values().filter(|count| **count > 0).count());
    }
    most
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn databases_are_counted_not_commands() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let span = |database: &str, began, ended| Span {
            command: "createIndexes".to_owned(),
            database: database.to_owned(),
            began: at(began),
            ended: at(ended),
        };
        let most = |spans: &[Span]| most_databases_at_once(spans.iter());
        assert_eq!(most(&[]), 0);
        assert_eq!(most(&[span("a", 0, 5), span("b", 5, 9), span("a", 10, 12)]), 1, "one after the other");
        assert_eq!(most(&[span("a", 0, 5), span("a", 1, 6), span("a", 2, 3)]), 1, "all of one database");
        assert_eq!(most(&[span("a", 0, 9), span("b", 2, 3), span("c", 4, 5)]), 2);
        assert_eq!(most(&[span("a", 0, 9), span("b", 2, 6), span("c", 4, 5), span("a", 1, 2)]), 3);
    }
}
