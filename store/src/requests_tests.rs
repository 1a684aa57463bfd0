use std::time::Duration;

use super::{BOUNDS_SECONDS, Requests};

#[test]
fn requests_are_counted_by_kind_outcome_and_duration() {
    let requests = Requests::default();
    requests.count("GET", Some(200), Duration::from_millis(5));
    requests.count("GET", Some(200), Duration::from_secs(60));
    requests.count("GET", None, Duration::from_millis(1));
    requests.count_hedged();
    let samples = requests.samples();
    assert_eq!(samples.len(), 2);
    let (operation, status, sample) = &samples[0];
    assert_eq!((*operation, status.as_str()), ("GET", "200"));
    assert_eq!((sample.counts[0], sample.counts[BOUNDS_SECONDS.len()]), (1, 1));
    assert!((sample.seconds - 60.005).abs() < 1e-9);
    assert_eq!(samples[1].1, "error");
    assert_eq!(requests.hedged(), 1);
}
