//! Compares one trace as a server returned it with the spans that were sent.
//!
//! What may differ is what the contract says is not stored or has no order: flags, schema URLs,
//! the order of attributes, of spans, of batches. A span is known by its id and kind.

use std::collections::HashMap;

use bytes::Bytes;
use stringendo_proto::otlp::{InstrumentationScope, KeyValue, Resource, Span, Status, TracesData};

use crate::ledger::Fate;

/// A span that was sent.
#[derive(Clone, Debug)]
pub struct SentSpan {
    /// What became of its batch.
    pub fate: Fate,
    /// The span in normal form.
    span: Span,
    resource: Vec<KeyValue>,
    scope: Bytes,
}

/// Spans that were sent for one trace.
#[derive(Clone, Debug, Default)]
pub struct SentTrace {
    spans: HashMap<(Bytes, i32), SentSpan>,
}

/// What is wrong with a trace, and how much of it was there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Acknowledged spans found.
    pub found: u64,
    /// Acknowledged spans that are not there.
    pub missing: u64,
    /// Spans that are there more than once.
    pub duplicated: u64,
    /// Spans that were never sent.
    pub foreign: u64,
    /// Spans whose content differs.
    pub altered: u64,
    /// Spans of unanswered batches that are there, which is allowed.
    pub unanswered_present: u64,
    /// Spans of refused batches that are there nevertheless, which is worth knowing.
    pub refused_present: u64,
    /// One line for each thing wrong.
    pub problems: Vec<String>,
}

impl SentTrace {
    /// Adds a span of a sent batch.
    pub fn add(
        &mut self,
        fate: Fate,
        resource: Option<&Resource>,
        scope: Option<&InstrumentationScope>,
        span: Span,
    ) {
        let resource = normal_attributes(resource.map(|r| r.attributes.clone()));
        let scope = scope.map(|scope| scope.name.clone()).unwrap_or_default();
        let key = (span.span_id.clone(), span.kind);
        self.spans.insert(key, SentSpan { fate, span: normal(span), resource, scope });
    }

    /// How many spans must be there.
    pub fn acknowledged(&self) -> u64 {
        self.spans.values().filter(|sent| sent.fate == Fate::Acknowledged).count() as u64
    }

    /// Judges what came back.
    pub fn compare(&self, answer: TracesData) -> Verdict {
        let mut verdict = Verdict::default();
        let mut seen: HashMap<(Bytes, i32), u64> = HashMap::new();
        for resource_spans in answer.resource_spans {
            let resource = normal_attributes(resource_spans.resource.map(|r| r.attributes));
            for scope_spans in resource_spans.scope_spans {
                let scope = scope_spans.scope.map(|scope| scope.name).unwrap_or_default();
                for span in scope_spans.spans {
                    let times = seen.entry((span.span_id.clone(), span.kind)).or_default();
                    *times += 1;
                    let again = *times > 1;
                    self.judge(&resource, &scope, span, again, &mut verdict);
                }
            }
        }
        for (key, sent) in &self.spans {
            if sent.fate == Fate::Acknowledged && !seen.contains_key(key) {
                verdict.missing += 1;
                verdict.problems.push(format!("span {} is missing", name(&sent.span)));
            }
        }
        verdict
    }

    fn judge(
        &self,
        resource: &[KeyValue],
        scope: &Bytes,
        span: Span,
        again: bool,
        verdict: &mut Verdict,
    ) {
        let Some(sent) = self.spans.get(&(span.span_id.clone(), span.kind)) else {
            verdict.foreign += 1;
            return verdict.problems.push(format!("span {} was never sent", name(&span)));
        };
        if again {
            verdict.duplicated += 1;
            return verdict.problems.push(format!("span {} is there again", name(&span)));
        }
        match sent.fate {
            Fate::Acknowledged => verdict.found += 1,
            Fate::Unanswered => verdict.unanswered_present += 1,
            Fate::Refused => verdict.refused_present += 1,
        }
        if let Some(what) = difference(sent, resource, scope, normal(span)) {
            verdict.altered += 1;
            verdict.problems.push(format!("span {}: {what} differs", name(&sent.span)));
        }
    }
}

fn difference(
    sent: &SentSpan,
    resource: &[KeyValue],
    scope: &Bytes,
    span: Span,
) -> Option<&'static str> {
    let checks = [
        ("the resource", sent.resource == resource),
        ("the scope's name", sent.scope == *scope),
        ("the trace id", sent.span.trace_id == span.trace_id),
        ("the parent", sent.span.parent_span_id == span.parent_span_id),
        ("the name", sent.span.name == span.name),
        ("the start", sent.span.start_time_unix_nano == span.start_time_unix_nano),
        ("the end", sent.span.end_time_unix_nano == span.end_time_unix_nano),
        ("the number of attributes", sent.span.attributes.len() == span.attributes.len()),
        ("an attribute", sent.span.attributes == span.attributes),
        ("an event", sent.span.events == span.events),
        ("a link", sent.span.links == span.links),
        ("the status", sent.span.status == span.status),
        ("something", sent.span == span),
    ];
    checks.iter().find(|(_, same)| !same).map(|(what, _)| *what)
}

fn name(span: &Span) -> String {
    format!("{} ({:?}, kind {})", const_hex::encode(&span.span_id), span.name, span.kind)
}

/// The span without what is not stored, and with everything in one order.
fn normal(mut span: Span) -> Span {
    span.flags = 0;
    span.attributes = normal_attributes(Some(span.attributes));
    span.status = span.status.filter(|status| *status != Status::default());
    for event in &mut span.events {
        event.attributes = normal_attributes(Some(std::mem::take(&mut event.attributes)));
    }
    for link in &mut span.links {
        link.flags = 0;
        link.attributes = normal_attributes(Some(std::mem::take(&mut link.attributes)));
    }
    span.events.sort_by(|a, b| (a.time_unix_nano, &a.name).cmp(&(b.time_unix_nano, &b.name)));
    span.links.sort_by(|a, b| (&a.trace_id, &a.span_id).cmp(&(&b.trace_id, &b.span_id)));
    span
}

fn normal_attributes(attributes: Option<Vec<KeyValue>>) -> Vec<KeyValue> {
    let mut attributes = attributes.unwrap_or_default();
    // Keys of the workload are unique within a list.
    attributes.sort_by(|a, b| a.key.cmp(&b.key));
    attributes
}

#[cfg(test)]
#[path = "compare_tests.rs"]
mod tests;
