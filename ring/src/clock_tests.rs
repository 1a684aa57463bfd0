use super::*;

/// 2020-01-01, in nanoseconds since the Unix epoch.
const YEAR_2020: u64 = 1_577_836_800_000_000_000;

#[test]
fn the_system_clock_tells_the_present_and_never_goes_back() {
    assert!(Clock::System.unix_nanos() > YEAR_2020);
    let readings: Vec<Duration> = (0..1_000).map(|_| Clock::System.monotonic()).collect();
    assert!(readings.is_sorted());
}

#[test]
fn a_fixed_clock_stands_still() {
    let clock = Clock::Fixed(42);
    assert_eq!((clock.unix_nanos(), clock.monotonic()), (42, Duration::from_nanos(42)));
}

#[test]
fn a_moved_clock_tells_what_the_test_says() {
    static NOW: AtomicU64 = AtomicU64::new(42);
    let clock = Clock::Moved(&NOW);
    assert_eq!(clock.unix_nanos(), 42);
    NOW.store(50, Ordering::SeqCst);
    assert_eq!((clock.unix_nanos(), clock.monotonic()), (50, Duration::from_nanos(50)));
}
