use super::*;

fn counted(values: &[u64]) -> [f64; BUCKETS] {
    let mut counts = [0.0; BUCKETS];
    values.iter().filter_map(|value| bucket_of(*value)).for_each(|bucket| counts[bucket] += 1.0);
    counts
}

fn near(found: f64, expected: f64) {
    assert!((found - expected).abs() <= expected.abs() * 1e-6, "{found}, not {expected}");
}

#[test]
fn a_number_goes_to_the_smallest_power_of_two_that_is_not_smaller() {
    let bound_of = |value| bucket_of(value).map(bound);
    assert_eq!(bound_of(0), None);
    assert_eq!(bound_of(1), None);
    assert_eq!(bound_of(2), Some(2.0));
    assert_eq!(bound_of(5), Some(8.0));
    assert_eq!(bound_of(8), Some(8.0));
    assert_eq!(bound_of(9), Some(16.0));
    assert_eq!(bound_of(100_000_000), Some(134_217_728.0));
    assert_eq!(bound_of(u64::MAX), Some(2.0_f64.powi(64)));
}

#[test]
fn quantiles_are_those_of_the_contract() {
    let durations = counted(&[400_000_000, 100_000_000, 300_000_000, 50_000_000, 60_000_000]);
    near(quantile(&durations, 0.5, 1e-9), 0.134217728);
    near(quantile(&durations, 0.9, 1e-9), 0.536870912);
    near(quantile(&durations, 0.0, 1e-9), 0.0474531);
    near(quantile(&durations, 1.0, 1e-9), 0.536870912);
    near(quantile(&counted(&[5, 7]), 0.5, 1.0), 5.65685);
}

#[test]
fn a_quantile_of_nothing_is_zero() {
    assert_eq!(quantile(&counted(&[]), 0.5, 1.0), 0.0);
}
