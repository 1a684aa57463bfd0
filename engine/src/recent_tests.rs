use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use proptest::prelude::*;
use stringendo_proto::TraceId;
use stringendo_proto::walk::{BatchIndex, ScopePos, Slice32, SpanPos};

use super::{RecentTraces, SPAN_HEAD_BYTES, TICKS_PER_IDLE};
use crate::budget::{Budget, Use};
use crate::tenant::TenantId;
use crate::tenant_limits::TenantLimits;

const IDLE: Duration = Duration::from_secs(8);

fn recent() -> RecentTraces {
    RecentTraces::new(IDLE, Budget::new(256 << 20).charge(Use::Live, 0))
}

fn limits(live_traces_max: u64, trace_bytes_max: u64) -> TenantLimits {
    TenantLimits { live_traces_max, trace_bytes_max, ..TenantLimits::unlimited() }
}

fn tenant(name: &str) -> TenantId {
    TenantId::parse(name).unwrap()
}

fn id(number: u8) -> TraceId {
    TraceId([number; 16])
}

/// A batch of spans by trace, each of so many bytes on the wire, below a resource of so many.
fn batch(resource_bytes: u32, spans: &[(u8, u32)]) -> BatchIndex {
    let slice = |len| Slice32 { offset: 1, len };
    let scope = ScopePos { resource: slice(resource_bytes), ..ScopePos::default() };
    let span = |(trace, bytes): &(u8, u32)| SpanPos {
        trace_id: id(*trace),
        body: slice(bytes - SPAN_HEAD_BYTES as u32),
        scope: 0,
        start_unix_nano: 0,
        end_unix_nano: 0,
    };
    BatchIndex { spans: spans.iter().map(span).collect(), scopes: vec![scope] }
}

fn at(seconds: u64) -> Duration {
    Duration::from_secs(1000 + seconds)
}

/// Numbers of traces that do not get in: too large, too many.
fn dropped(
    recent: &mut RecentTraces,
    limits: &TenantLimits,
    spans: &[(u8, u32)],
    now: Duration,
) -> (Vec<u8>, Vec<u8>) {
    let dropped = recent.admit(&tenant("a"), limits, &batch(0, spans), now).unwrap_or_default();
    let numbers = |ids: &std::collections::HashSet<TraceId>| {
        let sorted: BTreeSet<u8> = ids.iter().map(|id| id.0[0]).collect();
        sorted.into_iter().collect()
    };
    (numbers(&dropped.too_large), numbers(&dropped.too_many))
}

fn none() -> (Vec<u8>, Vec<u8>) {
    (Vec::new(), Vec::new())
}

#[test]
fn new_traces_are_dropped_at_the_limit_and_live_ones_go_on() {
    let (mut recent, limits) = (recent(), limits(2, 0));
    assert_eq!(dropped(&mut recent, &limits, &[(1, 9), (2, 9), (1, 9)], at(0)), none());
    assert_eq!(dropped(&mut recent, &limits, &[(3, 9), (1, 9), (3, 9)], at(1)), (vec![], vec![3]));
    assert_eq!(dropped(&mut recent, &limits, &[(2, 9)], at(2)), none());
    // Traces 1 and 2 are idle: there is room for two others, which keep the first ones out.
    assert_eq!(dropped(&mut recent, &limits, &[(3, 9), (4, 9)], at(12)), none());
    assert_eq!(dropped(&mut recent, &limits, &[(1, 9)], at(12)), (vec![], vec![1]));
}

#[test]
fn tenants_do_not_count_for_each_other() {
    let (mut recent, limits) = (recent(), limits(1, 0));
    let (a, b) = (tenant("a"), tenant("b"));
    assert_eq!(recent.admit(&a, &limits, &batch(0, &[(1, 9)]), at(0)), None);
    assert_eq!(recent.admit(&b, &limits, &batch(0, &[(2, 9)]), at(0)), None);
    assert!(recent.admit(&a, &limits, &batch(0, &[(2, 9)]), at(0)).is_some());
}

#[test]
fn a_push_beyond_the_size_of_a_trace_is_dropped_whole_and_does_not_count() {
    let (mut recent, limits) = (recent(), limits(0, 100));
    assert_eq!(dropped(&mut recent, &limits, &[(1, 60), (2, 100)], at(0)), none());
    assert_eq!(dropped(&mut recent, &limits, &[(1, 30), (2, 5), (1, 30)], at(1)).0, [1, 2]);
    assert_eq!(dropped(&mut recent, &limits, &[(1, 40)], at(2)), none());
    assert_eq!(dropped(&mut recent, &limits, &[(1, 4)], at(3)).0, [1]);
}

#[test]
fn a_resource_counts_once_a_batch() {
    let (mut recent, limits, a) = (recent(), limits(0, 100), tenant("a"));
    let spans = batch(40, &[(1, 10), (2, 10), (1, 10)]);
    assert_eq!(recent.admit(&a, &limits, &spans, at(0)), None);
    assert!(recent.admit(&a, &limits, &batch(40, &[(1, 10)]), at(0)).is_some(), "60 and 50");
    assert_eq!(recent.admit(&a, &limits, &batch(30, &[(1, 10)]), at(0)), None);
}

#[test]
fn the_size_of_a_large_trace_is_remembered_for_minutes_and_then_forgotten() {
    let (mut recent, limits) = (recent(), limits(0, 6400));
    assert_eq!(dropped(&mut recent, &limits, &[(1, 6400), (2, 64)], at(0)), none());
    for minute in 1..=5 {
        let large = [(1, 10)];
        assert_eq!(dropped(&mut recent, &limits, &large, at(60 * minute)).0, [1], "{minute}");
    }
    assert_eq!(dropped(&mut recent, &limits, &[(2, 6400)], at(301)), none(), "small: forgotten");
    assert_eq!(dropped(&mut recent, &limits, &[(1, 6400)], at(2000)), none());
}

#[test]
fn other_cores_count_as_of_their_last_word() {
    let (mut recent, limits) = (recent(), limits(3, 0));
    recent.heard(1, &[(tenant("a"), 1)], at(0));
    recent.heard(2, &[(tenant("a"), 1)], at(0));
    assert_eq!(dropped(&mut recent, &limits, &[(1, 9), (2, 9)], at(0)).1, [2]);
    recent.heard(2, &[(tenant("a"), 0)], at(0));
    assert_eq!(dropped(&mut recent, &limits, &[(2, 9), (3, 9)], at(0)).1, [3]);
}

#[test]
fn news_are_told_once_and_again_when_traces_are_idle() {
    let (mut recent, limits, a) = (recent(), limits(3, 0), tenant("a"));
    recent.admit(&a, &limits, &batch(0, &[(1, 9), (2, 9)]), at(0));
    assert_eq!(recent.news(at(0), |_, live| live > 2), []);
    assert_eq!(recent.news(at(0), |_, live| live > 1), [(a.clone(), 2)]);
    assert_eq!(recent.news(at(1), |_, live| live > 1), []);
    assert_eq!(recent.news(at(20), |_, live| live > 1), [(a, 0)]);
    assert_eq!(recent.news(at(40), |_, _| true), []);
    assert_eq!(recent.tenants.len(), 0, "nothing is left of it");
    assert_eq!(recent.charge.bytes(), 0);
}

#[test]
fn without_limits_nothing_is_remembered() {
    let mut recent = recent();
    assert_eq!(dropped(&mut recent, &limits(0, 0), &[(1, 9)], at(0)), none());
    assert_eq!(recent.tenants.len(), 0);
}

/// The same, with nothing but a map.
#[derive(Default)]
struct Model {
    traces: HashMap<u8, (u64, u64)>,
}

impl Model {
    /// Numbers that are dropped as too many, and as too large.
    fn admit(&mut self, live_max: u64, spans: &[(u8, u32)], tick: u64) -> BTreeSet<u8> {
        let is_live = |seen: u64| tick - seen <= u64::from(TICKS_PER_IDLE);
        let mut dropped = BTreeSet::new();
        for (trace, _) in spans {
            let live = self.traces.values().filter(|(seen, _)| is_live(*seen)).count() as u64;
            let known = self.traces.get(trace).is_some_and(|(seen, _)| is_live(*seen));
            if known || live < live_max {
                self.traces.insert(*trace, (tick, 0));
            } else {
                dropped.insert(*trace);
            }
        }
        dropped
    }
}

proptest! {
    #[test]
    fn live_traces_are_counted_as_by_looking_at_all_of_them(
        live_max in 1_u64..20,
        batches in prop::collection::vec(
            (0_u64..12, prop::collection::vec((0_u8..30, 9_u32..10), 1..12)), 1..60,
        ),
    ) {
        let (mut recent, mut model, limits) = (recent(), Model::default(), limits(live_max, 0));
        let mut seconds = 0;
        for (pause, spans) in batches {
            seconds += pause;
            let (_, too_many) = dropped(&mut recent, &limits, &spans, at(seconds));
            let expected = model.admit(live_max, &spans, 1000 + seconds);
            prop_assert_eq!(BTreeSet::from_iter(too_many), expected);
        }
    }

    #[test]
    fn a_trace_never_gets_more_bytes_in_than_its_limit_while_it_is_live(
        bytes_max in 10_u64..300,
        batches in prop::collection::vec(
            prop::collection::vec((0_u8..4, 4_u32..80), 1..12), 1..40,
        ),
    ) {
        let (mut recent, limits) = (recent(), limits(0, bytes_max));
        let mut sums: HashMap<u8, u64> = HashMap::new();
        for spans in batches {
            let (too_large, _) = dropped(&mut recent, &limits, &spans, at(0));
            let mut pushed: HashMap<u8, u64> = HashMap::new();
            for (trace, bytes) in &spans {
                *pushed.entry(*trace).or_default() += u64::from(*bytes);
            }
            for (trace, bytes) in pushed {
                let sum = sums.entry(trace).or_default();
                prop_assert_eq!(*sum + bytes > bytes_max, too_large.contains(&trace));
                *sum += if too_large.contains(&trace) { 0 } else { bytes };
            }
        }
    }
}
