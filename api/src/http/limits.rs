//! How often something may be asked for, by address and by account. Each replica counts by itself; what must hold across
//! replicas (guessing a password) is counted in the database, see [`crate::access::sign_in::soft_lock`].

use std::{
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    time::Duration,
};

use chakravue_crds::organization_id::OrganizationId;
use governor::{Quota, RateLimiter, middleware::NoOpMiddleware, state::keyed::DefaultKeyedStateStore};
use serde::Deserialize;

use crate::{
    access::blind_index::Index,
    http::problem::{Answer, Kind, Problem},
    program::clock::Clock,
};

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

/// How many requests are let through at once and then again over the time in the name; 0 is no limit.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitSettings {
    /// A hospital's whole staff may come from one address.
    pub sign_ins_per_address_and_minute: u32,
    pub sign_ins_per_account_and_minute: u32,
    pub signups_per_address_and_hour: u32,
    /// Who signs up for free must not try out cards.
    pub payments_per_organization_and_hour: u32,
    pub password_resets_per_address_and_hour: u32,
    pub password_resets_per_account_and_hour: u32,
    /// Looking at and accepting invitations and reset links.
    pub links_per_address_and_minute: u32,
}

impl Default for LimitSettings {
    fn default() -> Self {
        Self {
            sign_ins_per_address_and_minute: 120,
            sign_ins_per_account_and_minute: 20,
            signups_per_address_and_hour: 20,
            payments_per_organization_and_hour: 20,
            password_resets_per_address_and_hour: 30,
            password_resets_per_account_and_hour: 3,
            links_per_address_and_minute: 60,
        }
    }
}

type Limiter<K> = RateLimiter<K, DefaultKeyedStateStore<K>, Time, NoOpMiddleware<Duration>>;

/// The service's clock as the limiters read it.
#[derive(Clone, Debug)]
struct Time(Clock);

impl governor::clock::Clock for Time {
    type Instant = Duration;

    fn now(&self) -> Duration {
        Duration::try_from(self.0.now().as_duration()).unwrap_or_default()
    }
}

struct Limit<K: Hash + Eq + Clone> {
    /// `None`: no limit.
    limiter: Option<Limiter<K>>,
    time: Time,
}

impl<K: Hash + Eq + Clone> Limit<K> {
    fn new(times: u32, per: Duration, clock: &Clock) -> Self {
        let time = Time(clock.clone());
        let quota =
            NonZeroU32::new(times).and_then(|times| Some(Quota::with_period(per / times.get())?.allow_burst(times)));
        Self {
            limiter: quota.map(|quota| RateLimiter::new(quota, DefaultKeyedStateStore::default(), time.clone())),
            time,
        }
    }

    fn check(&self, key: &K) -> Answer<()> {
        use governor::clock::Clock as _;
        let Some(limiter) = &self.limiter else { return Ok(()) };
        limiter.check_key(key).map_err(|early| {
            let detail = "Too many requests of this kind. Wait as long as Retry-After says.";
            Problem::new(Kind::TooManyRequests, detail).retry_after(early.wait_time_from(self.time.now()))
        })
    }

    fn forget_idle(&self) {
        if let Some(limiter) = &self.limiter {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
    }
}

/// All limits. Each method takes one request off what is left and answers 429 when nothing is.
pub struct Limits {
    sign_in_address: Limit<IpAddr>,
    sign_in_account: Limit<Index>,
    signup_address: Limit<IpAddr>,
    payment_organization: Limit<OrganizationId>,
    reset_address: Limit<IpAddr>,
    reset_account: Limit<Index>,
    link_address: Limit<IpAddr>,
}

impl Limits {
    #[must_use]
    pub fn new(settings: &LimitSettings, clock: &Clock) -> Self {
        Self {
            sign_in_address: Limit::new(settings.sign_ins_per_address_and_minute, MINUTE, clock),
            sign_in_account: Limit::new(settings.sign_ins_per_account_and_minute, MINUTE, clock),
            signup_address: Limit::new(settings.signups_per_address_and_hour, HOUR, clock),
            payment_organization: Limit::new(settings.payments_per_organization_and_hour, HOUR, clock),
            reset_address: Limit::new(settings.password_resets_per_address_and_hour, HOUR, clock),
            reset_account: Limit::new(settings.password_resets_per_account_and_hour, HOUR, clock),
            link_address: Limit::new(settings.links_per_address_and_minute, MINUTE, clock),
        }
    }

    /// # Errors
    /// When it is one too many.
    pub fn sign_in(&self, address: IpAddr, account: &Index) -> Answer<()> {
        self.sign_in_address.check(&network(address))?;
        self.sign_in_account.check(account)
    }

    /// # Errors
    /// When it is one too many.
    pub fn signup(&self, address: IpAddr) -> Answer<()> {
        self.signup_address.check(&network(address))
    }

    /// # Errors
    /// When it is one too many.
    pub fn payment(&self, organization: &OrganizationId) -> Answer<()> {
        self.payment_organization.check(organization)
    }

    /// # Errors
    /// When it is one too many from this address.
    pub fn password_reset(&self, address: IpAddr) -> Answer<()> {
        self.reset_address.check(&network(address))
    }

    /// Whether another reset may be sent to the account. The caller must not show the difference.
    #[must_use]
    pub fn may_send_reset(&self, account: &Index) -> bool {
        self.reset_account.check(account).is_ok()
    }

    /// # Errors
    /// When it is one too many.
    pub fn link(&self, address: IpAddr) -> Answer<()> {
        self.link_address.check(&network(address))
    }

    /// Forgets whoever has used up nothing. Called now and then, so that a crowd does not stay in memory.
    pub fn forget_idle(&self) {
        self.sign_in_address.forget_idle();
        self.sign_in_account.forget_idle();
        self.signup_address.forget_idle();
        self.payment_organization.forget_idle();
        self.reset_address.forget_idle();
        self.reset_account.forget_idle();
        self.link_address.forget_idle();
    }
}

/// Who has one IPv6 address has the whole /64.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn v4(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[test]
    fn what_is_used_up_comes_back_with_time() {
        let clock = Clock::fixed(Timestamp::UNIX_EPOCH);
        clock.advance(HOUR);
        let settings = LimitSettings { signups_per_address_and_hour: 3, ..LimitSettings::default() };
        let limits = Limits::new(&settings, &clock);
        for _ in 0..3 {
            limits.signup(v4(1)).unwrap();
        }
        assert_eq!(limits.signup(v4(1)).unwrap_err().kind(), Kind::TooManyRequests);
        limits.signup(v4(2)).unwrap();
        clock.advance(Duration::from_mins(20));
        limits.signup(v4(1)).unwrap();
        assert!(limits.signup(v4(1)).is_err());
        clock.advance(2 * HOUR);
        limits.forget_idle();
        assert_eq!(limits.signup_address.limiter.as_ref().unwrap().len(), 0);
        for _ in 0..3 {
            limits.signup(v4(1)).unwrap();
        }
    }

    #[test]
    fn zero_is_no_limit() {
        let settings = LimitSettings { signups_per_address_and_hour: 0, ..LimitSettings::default() };
        let limits = Limits::new(&settings, &Clock::system());
        assert!((0..1000).all(|_| limits.signup(v4(1)).is_ok()));
    }

    #[test]
    fn a_whole_ipv6_network_counts_as_one() {
        let settings = LimitSettings { signups_per_address_and_hour: 1, ..LimitSettings::default() };
        let limits = Limits::new(&settings, &Clock::system());
        limits.signup("2001:db8::1".parse().unwrap()).unwrap();
        assert!(limits.signup("2001:db8::ffff:1".parse().unwrap()).is_err());
        limits.signup("2001:db8:0:1::1".parse().unwrap()).unwrap();
    }
}
