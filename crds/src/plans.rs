//! The plan catalogue: what a hospital pays and how many people may use it. Prices come from here and from nowhere else.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The subscription plan. It decides price and number of seats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Plan {
    /// USD 99 a month, 5 users.
    Starter,
    /// USD 299 a month, 20 users.
    Professional,
    /// USD 999 a month, any number of users.
    Enterprise,
}

impl Plan {
    pub const ALL: [Self; 3] = [Self::Starter, Self::Professional, Self::Enterprise];

    /// The id that clients send (`plan_id`).
    #[must_use]
    pub fn id(self) -> &'static str {
        match self {
            Self::Starter => "starter",
            Self::Professional => "professional",
            Self::Enterprise => "enterprise",
        }
    }

    /// The name that people read; also the value of `spec.plan`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Starter => "Starter",
            Self::Professional => "Professional",
            Self::Enterprise => "Enterprise",
        }
    }

    /// US dollars per month.
    #[must_use]
    pub fn monthly_price_usd(self) -> i64 {
        match self {
            Self::Starter => 99,
            Self::Professional => 299,
            Self::Enterprise => 999,
        }
    }

    /// How many users the hospital may have; `None` is any number.
    #[must_use]
    pub fn user_limit(self) -> Option<i64> {
        match self {
            Self::Starter => Some(5),
            Self::Professional => Some(20),
            Self::Enterprise => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_is_the_published_one() {
        let rows: Vec<_> = Plan::ALL.iter().map(|p| (p.id(), p.monthly_price_usd(), p.user_limit())).collect();
        assert_eq!(rows, [("starter", 99, Some(5)), ("professional", 299, Some(20)), ("enterprise", 999, None)]);
    }

    #[test]
    fn names_are_what_the_resource_says() {
        for plan in Plan::ALL {
            assert_eq!(serde_json::to_value(plan).unwrap(), plan.name());
        }
    }
}
