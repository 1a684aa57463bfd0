use super::{Metrics, OTHER_TENANTS, SERIES_MAX, Sample, families as family};

#[test]
fn made_up_tenants_share_a_series_when_there_are_too_many() {
    let metrics = Metrics::default();
    for number in 0..SERIES_MAX + 100 {
        metrics.add(&family::SPANS_RECEIVED, &[&format!("t{number}")], 1.0);
    }
    metrics.add(&family::DISCARDED_SPANS, &["rate_limited", "new"], 1.0);
    metrics.add(&family::WAL_GROUPS, &[], 1.0);
    metrics.add(&family::SPANS_RECEIVED, &["t0"], 1.0);
    let all = metrics.snapshot();
    let value = |labels: &[&str]| {
        let series = all.iter().find(|series| series.labels == labels);
        series.map(|series| series.sample.clone())
    };
    assert_eq!(value(&["t0"]), Some(Sample::Number(2.0)));
    assert_eq!(value(&[OTHER_TENANTS]), Some(Sample::Number(100.0)));
    assert_eq!(value(&["rate_limited", OTHER_TENANTS]), Some(Sample::Number(1.0)));
    assert_eq!(value(&[]), Some(Sample::Number(1.0)));
    assert_eq!(all.len(), SERIES_MAX + 3);
}
