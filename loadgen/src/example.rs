//! Finds a trace worth showing: acknowledged in whole, with an error, spanning several services.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bytes::Bytes;
use stringendo_proto::TraceId;
use stringendo_proto::otlp::{Resource, Span, Value};

use crate::options::LoadError;
use crate::report::ExampleTrace;
use crate::template::{BATCHES_PER_GROUP, TemplateSet};
use crate::workload::is_error;

/// Group uses that may be incomplete at a time; older ones are forgotten.
const OPEN_MAX: usize = 256;
/// A trace that still reads well as a tree.
const SPANS_TO_SHOW_MAX: usize = 30;

type Acked = Vec<(usize, u64)>;

/// Watches acknowledged batches for group uses that are complete.
#[derive(Debug, Default)]
pub struct ExampleFinder {
    open: BTreeMap<u64, Acked>,
    /// The latest complete use, or else the best so far.
    best: Option<(u64, Acked)>,
}

impl ExampleFinder {
    /// Takes note of an acknowledged batch.
    pub fn acknowledged(&mut self, instance: u64, template: usize, base_unix_ns: u64) {
        let acked = self.open.entry(instance).or_default();
        acked.push((template, base_unix_ns));
        let count = acked.len();
        if self.best.as_ref().is_none_or(|(_, best)| count >= best.len()) {
            self.best = Some((instance, acked.clone()));
        }
        if count >= BATCHES_PER_GROUP {
            self.open.remove(&instance);
        } else if self.open.len() > OPEN_MAX {
            self.open.pop_first();
        }
    }

    /// The trace to show, if anything was acknowledged.
    ///
    /// # Errors
    /// A batch that cannot be decoded: a defect of this crate.
    pub fn find(&self, set: &TemplateSet) -> Result<Option<ExampleTrace>, LoadError> {
        let Some((instance, acked)) = &self.best else { return Ok(None) };
        let mut traces: HashMap<Bytes, Vec<(String, Span)>> = HashMap::new();
        for (template, base_unix_ns) in acked {
            let fill = set.fill_of(*instance, *base_unix_ns);
            for batch in set.templates[*template].decode(&fill)?.resource_spans {
                let service = batch.resource.as_ref().map(service_name).unwrap_or_default();
                for span in batch.scope_spans.into_iter().flat_map(|scope| scope.spans) {
                    let trace = traces.entry(span.trace_id.clone()).or_default();
                    trace.push((service.clone(), span));
                }
            }
        }
        let best = traces.iter().max_by_key(|(id, spans)| (score(spans), *id));
        Ok(best.map(|(id, spans)| describe(id, spans)))
    }
}

/// The `service.name` of a resource; empty if it has none.
pub fn service_name(resource: &Resource) -> String {
    let named = resource.attributes.iter().find(|attribute| &attribute.key[..] == b"service.name");
    match named.and_then(|attribute| attribute.value.as_ref()?.value.as_ref()) {
        Some(Value::String(name)) => String::from_utf8_lossy(name).into_owned(),
        _ => String::new(),
    }
}

fn services(spans: &[(String, Span)]) -> BTreeSet<&str> {
    spans.iter().map(|(service, _)| service.as_str()).collect()
}

fn score(spans: &[(String, Span)]) -> (bool, bool, bool, usize) {
    let rooted = spans.iter().any(|(_, span)| span.parent_span_id.is_empty());
    let failed = spans.iter().any(|(_, span)| is_error(span));
    (rooted, failed, spans.len() <= SPANS_TO_SHOW_MAX, services(spans).len())
}

fn describe(id: &[u8], spans: &[(String, Span)]) -> ExampleTrace {
    let text = |bytes: &Bytes| String::from_utf8_lossy(bytes).into_owned();
    let root = spans.iter().find(|(_, span)| span.parent_span_id.is_empty());
    let failed = spans.iter().find(|(_, span)| is_error(span));
    ExampleTrace {
        trace_id: id.try_into().map(|id| TraceId(id).to_string()).unwrap_or_default(),
        spans: spans.len(),
        services: services(spans).into_iter().map(str::to_owned).collect(),
        root: root.map(|(_, span)| text(&span.name)).unwrap_or_default(),
        error: failed.and_then(|(_, span)| span.status.as_ref()).map(|s| text(&s.message)),
    }
}
