use super::*;

const LIMITS: RangeLimits = RangeLimits {
    range_nanos_max: 24 * 3600 * SECOND,
    intervals_max: 10_000,
    end_unix_nanos_max: u64::MAX,
};

fn stamps(axis: &TimeAxis) -> Vec<i64> {
    (0..axis.intervals()).map(|interval| axis.timestamp_ms(interval) / 1000).collect()
}

#[test]
fn automatic_steps_are_those_of_the_contract() {
    let minutes = [(5, 1), (15, 3), (30, 5), (60, 15), (180, 45), (360, 60), (720, 180)];
    for (range, step) in minutes {
        assert_eq!(automatic_step_nanos(range * 60 * SECOND), step * SECOND, "{range}m");
    }
    let days = [(1, 300), (2, 600), (7, 2_400), (14, 3_600)];
    for (range, step) in days {
        assert_eq!(automatic_step_nanos(range * 86_400 * SECOND), step * SECOND, "{range}d");
    }
    assert_eq!(automatic_step_nanos(59 * SECOND), 200 * MILLISECOND);
    assert_eq!(automatic_step_nanos(10 * SECOND), 50 * MILLISECOND);
    assert_eq!(automatic_step_nanos(60 * SECOND), SECOND);
}

#[test]
fn a_range_is_widened_to_whole_steps_and_one_more_in_front() {
    let axis = TimeAxis::range(802 * SECOND, 822 * SECOND, Some(5 * SECOND), &LIMITS).unwrap();
    assert_eq!(stamps(&axis), [800, 805, 810, 815, 820, 825]);
    assert_eq!(axis.bounds_unix_nanos(), (795 * SECOND + 1, 825 * SECOND));
    let whole = TimeAxis::range(800 * SECOND, 820 * SECOND, Some(10 * SECOND), &LIMITS).unwrap();
    assert_eq!(stamps(&whole), [800, 810, 820]);
    let epoch = TimeAxis::range(0, 2 * SECOND, Some(SECOND), &LIMITS).unwrap();
    assert_eq!((stamps(&epoch), epoch.interval_of(0)), (vec![0, 1, 2], Some(0)));
}

#[test]
fn intervals_are_open_to_the_left_and_closed_to_the_right() {
    let axis = TimeAxis::range(10 * SECOND, 12 * SECOND, Some(SECOND), &LIMITS).unwrap();
    let moments = [9 * SECOND, 9 * SECOND + 1, 10 * SECOND, 10 * SECOND + 1, 12 * SECOND];
    let found = moments.map(|at| axis.interval_of(at));
    assert_eq!(found, [None, Some(0), Some(0), Some(1), Some(2)]);
    assert_eq!(axis.interval_of(12 * SECOND + 1), None);
    assert_eq!(axis.interval_of(u64::MAX), None);
    assert_eq!(axis.interval_of(0), None);
}

#[test]
fn an_interval_is_after_a_moment_that_is_not_in_it_nor_behind() {
    let axis = TimeAxis::range(10 * SECOND, 12 * SECOND, Some(SECOND), &LIMITS).unwrap();
    let moments = [0, 9 * SECOND, 9 * SECOND + 1, 10 * SECOND, 10 * SECOND + 1, 11 * SECOND];
    assert_eq!(moments.map(|at| axis.first_after(at)), [0, 0, 1, 1, 2, 2]);
    assert_eq!([12 * SECOND, u64::MAX].map(|at| axis.first_after(at)), [3, 3]);
}

#[test]
fn an_end_that_is_too_late_is_pulled_back_to_a_step() {
    let limits = RangeLimits { end_unix_nanos_max: 818 * SECOND, ..LIMITS };
    let cut = |end| stamps(&TimeAxis::range(802 * SECOND, end, Some(5 * SECOND), &limits).unwrap());
    assert_eq!(cut(822 * SECOND), [800, 805, 810, 815]);
    assert_eq!(cut(817 * SECOND), [800, 805, 810, 815]);
    assert_eq!(cut(814 * SECOND), [800, 805, 810, 815]);
    let later = TimeAxis::range(900 * SECOND, 910 * SECOND, Some(5 * SECOND), &limits).unwrap();
    assert_eq!((later.intervals(), later.interval_of(900 * SECOND)), (0, None));
}

#[test]
fn an_instant_query_has_the_range_as_its_one_interval() {
    let (start, end) = (802 * SECOND + 7, 822 * SECOND + 9);
    let axis = TimeAxis::instant(start, end, &LIMITS).unwrap();
    assert_eq!((axis.intervals(), axis.bounds_unix_nanos()), (1, (start + 1, end)));
    let limits = RangeLimits { end_unix_nanos_max: 818 * SECOND, ..LIMITS };
    let cut = TimeAxis::instant(start, end, &limits).unwrap();
    assert_eq!(cut.bounds_unix_nanos().1, 817 * SECOND + 9);
}

#[test]
fn ranges_and_steps_out_of_bounds_are_refused_by_name() {
    let refused = |start: u64, end: u64, step| {
        let range = TimeAxis::range(start * SECOND, end * SECOND, step, &LIMITS);
        range.unwrap_err().to_string()
    };
    assert_eq!(refused(5, 5, None), "end must be greater than start");
    assert_eq!(refused(6, 5, None), "end must be greater than start");
    assert_eq!(
        refused(0, 86_401, None),
        "metrics query time range exceeds the maximum allowed duration of 24h0m0s"
    );
    assert_eq!(
        refused(0, 20_000, Some(SECOND)),
        "step of 1s is too small, minimum step for given range is 2s"
    );
    assert_eq!(
        refused(0, 100, Some(0)),
        "step of 0s is too small, minimum step for given range is 10ms"
    );
}

#[test]
fn intervals_of_many_moments_are_those_of_each() {
    let range = |start, end, step| TimeAxis::range(start, end, Some(step), &LIMITS).unwrap();
    let axes = [
        range(802 * SECOND, 822 * SECOND, 5 * SECOND),
        range(0, 20 * SECOND, SECOND),
        TimeAxis::instant(7, 100 * SECOND, &LIMITS).unwrap(),
    ];
    for axis in axes {
        let edges =
            (0..60).flat_map(|at| [at * SECOND, at * SECOND + 1, 790 * SECOND + at * SECOND]);
        let mut moments: Vec<u64> =
            edges.chain([0, 1, i64::MAX as u64, 1 << 63, u64::MAX]).collect();
        moments.extend_from_within(..);
        moments.reverse();
        let mut found = vec![7];
        axis.intervals_of(&moments, &mut found);
        let right =
            moments.iter().map(|at| axis.interval_of(*at).map_or(NO_INTERVAL, |i| i as u32));
        assert_eq!(found, right.collect::<Vec<_>>(), "{axis:?}");
    }
}

#[test]
fn absurd_times_do_not_overflow() {
    let limits = RangeLimits { range_nanos_max: 0, intervals_max: 10, ..LIMITS };
    let step = Some(u64::MAX / 4);
    let axis = TimeAxis::range(u64::MAX - 5, u64::MAX, step, &limits).unwrap();
    axis.bounds_unix_nanos();
    assert!(axis.intervals() <= 2);
    TimeAxis::instant(0, u64::MAX, &limits).unwrap().timestamp_ms(0);
}
