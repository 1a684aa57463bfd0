use std::time::Duration;

use proptest::prelude::*;

use super::{Rates, TENANTS_MIN};
use crate::tenant::TenantId;
use crate::tenant_limits::TenantLimits;

fn limits(rate_bytes: u64, burst_bytes: u64) -> TenantLimits {
    TenantLimits { rate_bytes, burst_bytes, ..TenantLimits::unlimited() }
}

fn tenant(name: &str) -> TenantId {
    TenantId::parse(name).unwrap()
}

fn at(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[test]
fn the_burst_may_come_at_once_and_then_the_rate() {
    let (mut rates, limits, a) = (Rates::default(), limits(1000, 500), tenant("a"));
    assert_eq!(rates.take(&a, 501, &limits, false, at(0)), 0, "more than the burst never fits");
    assert_eq!(rates.take(&a, 500, &limits, false, at(0)), 500);
    assert_eq!(rates.take(&a, 1, &limits, false, at(0)), 0);
    assert_eq!(rates.take(&a, 101, &limits, false, at(100)), 0);
    assert_eq!(rates.take(&a, 100, &limits, false, at(100)), 100);
    assert_eq!(rates.take(&tenant("b"), 500, &limits, false, at(100)), 500);
    assert_eq!(rates.take(&a, 500, &limits, false, at(10_000)), 500);
}

#[test]
fn a_rate_of_zero_lets_nothing_in() {
    let mut rates = Rates::default();
    assert_eq!(rates.take(&tenant("a"), 0, &limits(0, 100), false, at(0)), 0);
    assert_eq!(rates.take(&tenant("a"), 1, &limits(0, 100), false, at(9)), 0);
}

#[test]
fn a_smaller_burst_counts_from_the_next_request_on() {
    let (mut rates, a) = (Rates::default(), tenant("a"));
    assert_eq!(rates.take(&a, 10, &limits(1, 1000), false, at(0)), 10);
    assert_eq!(rates.take(&a, 11, &limits(1, 10), false, at(1)), 0);
    assert_eq!(rates.take(&a, 10, &limits(1, 10), false, at(1)), 10);
}

#[test]
fn a_lease_is_more_than_is_needed_if_there_is_more() {
    let (mut rates, limits, a) = (Rates::default(), limits(1000, 500), tenant("a"));
    assert_eq!(rates.take(&a, 100, &limits, true, at(0)), 110);
    assert_eq!(rates.take(&a, 385, &limits, true, at(0)), 385);
    let mut elsewhere = Rates::default();
    assert_eq!(elsewhere.use_lease(&a, 5), 5);
    elsewhere.keep_lease(&a, 10);
    assert_eq!(elsewhere.use_lease(&a, 6), 0);
    assert_eq!(elsewhere.use_lease(&a, 6), 2);
    assert_eq!(elsewhere.use_lease(&a, 1), 1);
}

#[test]
fn made_up_tenants_are_forgotten_when_their_bucket_is_full_again() {
    let (mut rates, limits) = (Rates::default(), limits(1000, 1000));
    for number in 0..4 * TENANTS_MIN {
        let now = at(number as u64 * 100);
        assert_eq!(rates.take(&tenant(&format!("t{number}")), 1, &limits, false, now), 1);
        rates.keep_lease(&tenant(&format!("t{number}")), 1);
    }
    assert!(rates.buckets.len() <= 2 * TENANTS_MIN, "{}", rates.buckets.len());
    assert!(rates.leases.len() <= TENANTS_MIN);
}

proptest! {
    #[test]
    fn never_more_than_burst_and_rate_get_in(
        rate in 1_u64..10_000,
        burst in 1_u64..10_000,
        requests in prop::collection::vec((0_u64..2_000, 0_u64..3_000, any::<bool>()), 1..200),
    ) {
        let (mut rates, limits, a) = (Rates::default(), limits(rate, burst), tenant("a"));
        let (mut now, mut taken) = (0, 0);
        for (pause, bytes, leased) in requests {
            now += pause;
            taken += rates.take(&a, bytes, &limits, leased, at(now));
            prop_assert!(taken as f64 <= burst as f64 + rate as f64 * now as f64 / 1e3 + 1e-3);
        }
    }
}
