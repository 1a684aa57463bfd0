use std::collections::{HashMap, HashSet};

use stringendo_proto::otlp::Span;

use super::*;
use crate::ids;
use crate::workload::TIME_ORIGIN_NS;

const OPTIONS: WorkloadOptions = WorkloadOptions { seed: 2, batch_spans: 150, groups: 2 };
const RUN_ID: u64 = 77;
const NOW_NS: u64 = 1_800_000_000_000_000_000;

fn set() -> TemplateSet {
    TemplateSet::build(&OPTIONS, RUN_ID).unwrap()
}

fn spans(batch: TracesData) -> Vec<Span> {
    let scopes = batch.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
    scopes.flat_map(|scope| scope.spans).collect()
}

/// What patching should give, worked out on messages instead of bytes.
fn patched(mut span: Span, fill: &Fill) -> Span {
    let numbers = |id: &[u8]| {
        let number = u64::from_be_bytes(id.try_into().unwrap());
        ((number >> 32) as u32 - 1, number as u32 - 1)
    };
    let trace = |slot: u32| ids::trace_id(fill.run_id, fill.sequence + u64::from(slot));
    let trace_bytes = |slot| Bytes::copy_from_slice(&trace(slot).0);
    let span_bytes = |id: &[u8]| {
        let (slot, index) = numbers(id);
        Bytes::copy_from_slice(&ids::span_id(ids::trace_key(&trace(slot)), index).0)
    };
    let time = |placeholder_ns: u64| NOW_NS - (TIME_ORIGIN_NS - placeholder_ns);
    let (slot, index) = numbers(&span.span_id);
    let key = ids::trace_key(&trace(slot));
    span.trace_id = trace_bytes(slot);
    span.span_id = span_bytes(&span.span_id);
    if !span.parent_span_id.is_empty() {
        span.parent_span_id = span_bytes(&span.parent_span_id);
    }
    span.start_time_unix_nano = time(span.start_time_unix_nano);
    span.end_time_unix_nano = time(span.end_time_unix_nano);
    span.events.iter_mut().for_each(|event| event.time_unix_nano = time(event.time_unix_nano));
    for link in &mut span.links {
        link.trace_id = trace_bytes(numbers(&link.span_id).0);
        link.span_id = span_bytes(&link.span_id);
    }
    for attribute in &mut span.attributes {
        let value = attribute.value.as_mut().and_then(|value| value.value.as_mut());
        if let Some(stringendo_proto::otlp::Value::String(text)) = value {
            let digits = |index| String::from_utf8(ids::hex_digits(key, index).to_vec()).unwrap();
            let plain = String::from_utf8(text.to_vec()).unwrap();
            let plain = plain.replace(attr::HEX_PER_TRACE, &digits(0));
            *text = plain.replace(attr::HEX_PER_SPAN, &digits(index + 1)).into();
        }
    }
    span
}

#[test]
fn a_patched_template_is_otlp_equal_to_the_model() {
    let set = set();
    let fill = set.fill_of(5, NOW_NS);
    let batches = cut_group(draw_group(&OPTIONS, 0).0);
    for (batch, template) in batches.iter().zip(&set.templates) {
        let wanted = spans(assemble(batch)).into_iter().map(|span| patched(span, &fill));
        let got = spans(template.decode(&fill).unwrap());
        assert_eq!(got.len(), template.spans);
        assert!(wanted.eq(got));
    }
}

#[test]
fn a_buffer_patched_before_gives_the_same_bytes_as_a_fresh_one() {
    let set = set();
    let template = &set.templates[0];
    let (first, second) = (set.fill_of(1, NOW_NS), set.fill_of(2, NOW_NS + 5));
    let scratch = &mut Vec::new();
    let used = template.fill(&first, None, scratch);
    assert_eq!(template.fill(&second, Some(used), scratch), template.fill(&second, None, scratch));
}

#[test]
fn no_placeholder_is_left() {
    let set = set();
    for template in &set.templates {
        let filled = template.fill(&set.fill_of(9, NOW_NS), None, &mut Vec::new());
        assert!(!filled.windows(4).any(|four| four == b"~~~~"));
    }
}

#[test]
fn the_grpc_prefix_tells_the_length() {
    let template = &set().templates[3];
    let filled =
        template.fill(&Fill { run_id: 1, sequence: 2, base_unix_ns: 3 }, None, &mut vec![]);
    let length = u32::from_be_bytes(filled[1..5].try_into().unwrap()) as usize;
    assert_eq!((filled[0], length), (0, template.message_bytes()));
}

#[test]
fn uses_of_groups_never_share_a_trace_and_a_group_keeps_its_traces_together() {
    let set = set();
    let mut owner: HashMap<Vec<u8>, u64> = HashMap::new();
    for (number, template) in set.templates.iter().enumerate() {
        let instance = (number / BATCHES_PER_GROUP) as u64;
        for span in spans(template.decode(&set.fill_of(instance, NOW_NS)).unwrap()) {
            assert_eq!(*owner.entry(span.trace_id.to_vec()).or_insert(instance), instance);
        }
    }
}

#[test]
fn batches_mix_traces_and_hold_about_the_spans_asked_for() {
    for template in &set().templates {
        assert!((130..=150).contains(&template.spans), "{}", template.spans);
        assert!(template.patches().slots().iter().collect::<HashSet<_>>().len() > 4);
    }
}
