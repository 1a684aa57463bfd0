use super::*;

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn breaker(failures: u64) -> Breaker {
    Breaker::new(BreakerOptions { failures, pause: s(10), interval: s(10) })
}

#[test]
fn a_server_is_left_alone_after_failures_in_a_row_for_a_while() {
    let breaker = breaker(3);
    for second in 100..103 {
        assert!(breaker.allows(s(second)));
        breaker.note(false, s(second));
    }
    assert!(!breaker.allows(s(111)));
    assert!(breaker.allows(s(112)));
}

#[test]
fn after_the_pause_one_failure_suffices_and_one_success_clears() {
    let breaker = breaker(2);
    breaker.note(false, s(1));
    breaker.note(false, s(2));
    assert!(breaker.allows(s(12)));
    breaker.note(false, s(12));
    assert!(!breaker.allows(s(21)));
    breaker.note(true, s(22));
    breaker.note(false, s(23));
    assert!(breaker.allows(s(23)));
}

#[test]
fn failures_far_apart_are_not_in_a_row() {
    let breaker = breaker(2);
    breaker.note(false, s(1));
    breaker.note(false, s(20));
    assert!(breaker.allows(s(20)));
}

#[test]
fn without_a_number_no_server_is_left_alone() {
    let breaker = breaker(0);
    for second in 0..100 {
        breaker.note(false, s(second));
        assert!(breaker.allows(s(second)));
    }
}
