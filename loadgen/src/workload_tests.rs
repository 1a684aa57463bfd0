use std::collections::HashSet;

use super::*;
use crate::describe::describe;
use crate::options::WorkloadOptions;

fn traces() -> Vec<Vec<ModelSpan>> {
    let mut rng = Rng::new(11);
    (0..500).map(|slot| draw_trace(&mut rng, slot)).collect()
}

#[test]
fn every_trace_has_5_to_60_spans_and_one_root() {
    for trace in traces() {
        assert!((SPANS_MIN..=SPANS_MAX).contains(&trace.len()), "{}", trace.len());
        let roots = trace.iter().filter(|model| model.span.parent_span_id.is_empty());
        assert_eq!(roots.count(), 1);
    }
}

#[test]
fn every_parent_is_an_earlier_span_of_the_same_trace_and_encloses_or_precedes_it() {
    for trace in traces() {
        let mut seen = HashSet::new();
        for model in &trace {
            let span = &model.span;
            assert!(span.parent_span_id.is_empty() || seen.contains(&span.parent_span_id));
            assert!(span.start_time_unix_nano < span.end_time_unix_nano);
            assert!(seen.insert(span.span_id.clone()));
        }
    }
}

#[test]
fn server_spans_below_the_root_are_children_of_a_client_span_in_another_service() {
    for trace in traces() {
        for model in trace.iter().skip(1).filter(|model| model.span.kind == SERVER) {
            let parent = trace.iter().find(|p| p.span.span_id == model.span.parent_span_id);
            let parent = parent.unwrap();
            assert_eq!(parent.span.kind, CLIENT);
            assert_ne!(parent.service, model.service);
        }
    }
}

#[test]
fn all_times_lie_within_the_window_before_sending() {
    for model in traces().iter().flatten() {
        assert!(model.span.end_time_unix_nano <= TIME_ORIGIN_NS);
        assert!(model.span.start_time_unix_nano >= TIME_ORIGIN_NS - WINDOW_NS);
    }
}

#[test]
fn the_same_seed_draws_the_same_spans() {
    let draw = |seed| draw_trace(&mut Rng::new(seed), 3).into_iter().map(|model| model.span);
    assert!(draw(4).eq(draw(4)));
    assert!(!draw(4).eq(draw(5)));
}

#[test]
fn the_workload_looks_like_a_shop() {
    let figures = describe(&WorkloadOptions { seed: 1, batch_spans: 1000, groups: 2 }).unwrap();
    assert!(figures.services >= 15, "{figures}");
    assert!((18.0..25.0).contains(&figures.attributes_per_resource), "{figures}");
    assert!((400.0..470.0).contains(&figures.bytes_per_span), "{figures}");
    assert!((13.5..16.5).contains(&figures.attributes_per_span), "{figures}");
    assert!((1.0..4.0).contains(&figures.error_percent), "{figures}");
    assert!(figures.spans_per_trace_max <= SPANS_MAX, "{figures}");
    assert!(figures.batches_per_trace_mean > 1.0, "{figures}");
    assert!(figures.events_per_span > 0.05 && figures.links_per_span > 0.005, "{figures}");
    let types = ["array", "bool", "bytes", "double", "int", "kvlist", "string"];
    assert!(figures.attribute_types.keys().eq(&types), "{figures}");
    assert!(figures.kinds.keys().eq(&[INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER]));
}
