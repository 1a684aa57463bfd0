//! The spans of a trace that a query asks for, with some of what is above and below them in the
//! tree (contract http-api.md §3.2).
//!
//! From: a combined trace. To: `net`, which answers with what is left. The trace is evaluated as a
//! live one.

use std::collections::HashMap;
use std::ops::Range;

use bytes::Bytes;
use prost::Message;
use stringendo_block::StoredForm;
use stringendo_proto::TraceId;
use stringendo_proto::otlp::{Span, TracesData};
use stringendo_proto::wire::WireError;
use stringendo_traceql::SearchPlan;

use crate::error::QueryError;
use crate::live::columns::{LiveColumns, LiveFields};
use crate::live::span::{self, SpanView};
use crate::node::Node;

/// Which spans of a trace are kept.
#[derive(Clone, Debug)]
pub struct TraceFilter {
    /// Spans that match are kept.
    pub plan: SearchPlan,
    /// So many levels above them; `None` is all.
    pub ancestors: Option<u32>,
    /// So many levels below them; `None` is all.
    pub descendants: Option<u32>,
}

impl Node {
    /// Drops the spans that are not asked for; whether any was.
    ///
    /// # Errors
    /// The query cannot be evaluated, or there is no memory.
    pub fn filter_trace(
        &self,
        trace: &mut TracesData,
        id: &TraceId,
        filter: &TraceFilter,
    ) -> Result<bool, QueryError> {
        let mut memory = self.charge_answer(trace.encoded_len() as u64)?;
        let encoded = Encoded::of(trace);
        let views = encoded.views().map_err(|error| {
            QueryError::Storage(format!("trace {id} cannot be read as it was written: {error}"))
        })?;
        let block = &self.settings().block;
        let form = StoredForm::new(block.version, &block.dedicated_columns);
        let fields = LiveFields::of(&filter.plan, &form);
        memory.grow(fields.memory_bytes(&views))?;
        let mut sets = Vec::new();
        filter.plan.spansets(&LiveColumns::read(id, &views, &fields), &mut sets)?;
        let mut kept = vec![false; views.len()];
        for span in sets.iter().flat_map(|set| &set.spans) {
            kept[*span as usize] = true;
        }
        let mut spans = Vec::new();
        visit_spans(trace, |span| {
            spans.push((span.span_id.clone(), span.parent_span_id.clone()));
            true
        });
        widen(&mut kept, &spans, filter);
        let (mut keep, mut dropped) = (kept.into_iter(), false);
        visit_spans(trace, |_| {
            let keep = keep.next().unwrap_or(true);
            dropped |= !keep;
            keep
        });
        drop_empty(trace);
        Ok(dropped)
    }
}

/// Keeps the spans for which `keep` says so.
fn visit_spans(trace: &mut TracesData, mut keep: impl FnMut(&Span) -> bool) {
    let scopes = trace.resource_spans.iter_mut().flat_map(|resource| &mut resource.scope_spans);
    scopes.for_each(|scope| scope.spans.retain(&mut keep));
}

fn drop_empty(trace: &mut TracesData) {
    for resource in &mut trace.resource_spans {
        resource.scope_spans.retain(|scope| !scope.spans.is_empty());
    }
    trace.resource_spans.retain(|resource| !resource.scope_spans.is_empty());
}

/// Marks what is above and below the marked spans, of which `spans` has ids and parents' ids.
fn widen(kept: &mut [bool], spans: &[(Bytes, Bytes)], filter: &TraceFilter) {
    let mut by_id: HashMap<&[u8], Vec<usize>> = HashMap::new();
    let mut children: HashMap<&[u8], Vec<usize>> = HashMap::new();
    for (number, (id, parent)) in spans.iter().enumerate() {
        by_id.entry(id).or_default().push(number);
        if !parent.is_empty() {
            children.entry(parent).or_default().push(number);
        }
    }
    let matches: Vec<usize> = (0..kept.len()).filter(|number| kept[*number]).collect();
    let above = |number: usize| by_id.get(&spans[number].1[..]).map_or(&[][..], Vec::as_slice);
    let below = |number: usize| children.get(&spans[number].0[..]).map_or(&[][..], Vec::as_slice);
    let up = reached(&matches, kept.len(), filter.ancestors, above);
    let down = reached(&matches, kept.len(), filter.descendants, below);
    up.into_iter().chain(down).for_each(|number| kept[number] = true);
}

/// What can be reached from `from` in at most so many steps.
fn reached<'a>(
    from: &[usize],
    count: usize,
    steps_max: Option<u32>,
    next: impl Fn(usize) -> &'a [usize],
) -> Vec<usize> {
    let (mut seen, mut level, mut all) = (vec![false; count], from.to_vec(), Vec::new());
    from.iter().for_each(|number| seen[*number] = true);
    let mut steps = 0;
    while !level.is_empty() && steps_max.is_none_or(|most| steps < most) {
        let nearby = level.iter().flat_map(|number| next(*number));
        let mut new: Vec<usize> = nearby.copied().filter(|number| !seen[*number]).collect();
        new.retain(|number| !std::mem::replace(&mut seen[*number], true));
        all.extend_from_slice(&new);
        level = new;
        steps += 1;
    }
    all
}

/// A trace as wire bytes: the bodies of resources, scopes and spans.
#[derive(Default)]
struct Encoded {
    bytes: Vec<u8>,
    spans: Vec<Parts>,
}

/// Where the resource, the scope and the span lie.
type Parts = [Range<usize>; 3];

impl Encoded {
    fn of(trace: &TracesData) -> Self {
        let mut encoded = Self::default();
        for resource_spans in &trace.resource_spans {
            let resource = encoded.add(resource_spans.resource.as_ref());
            for scope_spans in &resource_spans.scope_spans {
                let scope = encoded.add(scope_spans.scope.as_ref());
                for span in &scope_spans.spans {
                    let span = encoded.add(Some(span));
                    encoded.spans.push([resource.clone(), scope.clone(), span]);
                }
            }
        }
        encoded
    }

    fn add(&mut self, message: Option<&impl Message>) -> Range<usize> {
        let start = self.bytes.len();
        if let Some(message) = message {
            self.bytes.extend_from_slice(&message.encode_to_vec());
        }
        start..self.bytes.len()
    }

    fn views(&self) -> Result<Vec<SpanView<'_>>, WireError> {
        let view = |[resource, scope, span]: &Parts| {
            let part = |range: &Range<usize>| &self.bytes[range.clone()];
            span::view(part(resource), part(scope), part(span))
        };
        self.spans.iter().map(view).collect()
    }
}

#[cfg(test)]
#[path = "trace_filter_tests.rs"]
mod tests;
