//! Measures the workload itself, from the encoded batches, as a server would see it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use prost::Message;
use serde::Serialize;
use stringendo_proto::otlp::{Span, Value};

use crate::example::service_name;
use crate::options::{LoadError, WorkloadOptions};
use crate::template::TemplateSet;
use crate::workload::is_error;

/// Figures of a workload.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Description {
    /// Encoded batches.
    pub batches: usize,
    /// Spans in them.
    pub spans: usize,
    /// Traces in them.
    pub traces: usize,
    /// Fewest spans of a trace.
    pub spans_per_trace_min: usize,
    /// Mean of spans per trace.
    pub spans_per_trace_mean: f64,
    /// Most spans of a trace.
    pub spans_per_trace_max: usize,
    /// Mean of batches over which a trace is spread.
    pub batches_per_trace_mean: f64,
    /// Bytes on the wire per span, resources and scopes included.
    pub bytes_per_span: f64,
    /// Encoded bytes of the span messages alone, per span.
    pub own_bytes_per_span: f64,
    /// Attributes per span.
    pub attributes_per_span: f64,
    /// Attributes by type.
    pub attribute_types: BTreeMap<&'static str, usize>,
    /// Spans by kind.
    pub kinds: BTreeMap<i32, usize>,
    /// Spans with an error status, in percent.
    pub error_percent: f64,
    /// Events per span.
    pub events_per_span: f64,
    /// Links per span.
    pub links_per_span: f64,
    /// Different services.
    pub services: usize,
    /// Different resources.
    pub resources: usize,
    /// Attributes per resource.
    pub attributes_per_resource: f64,
    /// Different span names.
    pub names: usize,
    /// Places that a send fills in, per span.
    pub patches_per_span: f64,
}

/// Draws the workload and measures it.
///
/// # Errors
/// A batch that cannot be decoded: a defect of this crate.
pub fn describe(options: &WorkloadOptions) -> Result<Description, LoadError> {
    let set = TemplateSet::build(options, 1)?;
    let mut counts = Counts::default();
    for (number, template) in set.templates.iter().enumerate() {
        // Groups get different instances, so that their traces do not mix.
        let instance = (number / crate::template::BATCHES_PER_GROUP) as u64;
        counts.batch(&template.decode(&set.fill_of(instance, 1 << 60))?);
    }
    Ok(counts.describe(&set))
}

#[derive(Default)]
struct Counts {
    traces: HashMap<Vec<u8>, (usize, usize)>,
    resources: BTreeSet<Vec<u8>>,
    services: BTreeSet<String>,
    names: BTreeSet<Vec<u8>>,
    types: BTreeMap<&'static str, usize>,
    kinds: BTreeMap<i32, usize>,
    resource_attributes: usize,
    resource_batches: usize,
    attributes: usize,
    errors: usize,
    events: usize,
    links: usize,
    own_bytes: usize,
}

impl Counts {
    fn batch(&mut self, batch: &stringendo_proto::otlp::TracesData) {
        let mut seen = BTreeSet::new();
        for resource_spans in &batch.resource_spans {
            if let Some(resource) = &resource_spans.resource {
                self.resources.insert(resource.encode_to_vec());
                self.services.insert(service_name(resource));
                self.resource_attributes += resource.attributes.len();
                self.resource_batches += 1;
            }
            for span in resource_spans.scope_spans.iter().flat_map(|scope| &scope.spans) {
                self.span(span, seen.insert(span.trace_id.to_vec()));
            }
        }
    }

    fn span(&mut self, span: &Span, first_in_batch: bool) {
        let trace = self.traces.entry(span.trace_id.to_vec()).or_default();
        trace.0 += 1;
        trace.1 += usize::from(first_in_batch);
        self.names.insert(span.name.to_vec());
        *self.kinds.entry(span.kind).or_default() += 1;
        self.errors += usize::from(is_error(span));
        self.events += span.events.len();
        self.links += span.links.len();
        self.own_bytes += span.encoded_len();
        self.attributes += span.attributes.len();
        for attribute in &span.attributes {
            let value = attribute.value.as_ref().and_then(|value| value.value.as_ref());
            *self.types.entry(type_name(value)).or_default() += 1;
        }
    }

    fn describe(self, set: &TemplateSet) -> Description {
        let spans = set.spans();
        let per_span = |count: usize| count as f64 / spans.max(1) as f64;
        let per_trace = |count: usize| count as f64 / self.traces.len().max(1) as f64;
        let sizes = || self.traces.values().map(|(spans, _)| *spans);
        let patches = set.templates.iter().map(|template| template.patches().len()).sum();
        Description {
            batches: set.templates.len(),
            spans,
            traces: self.traces.len(),
            spans_per_trace_min: sizes().min().unwrap_or(0),
            spans_per_trace_mean: per_trace(spans),
            spans_per_trace_max: sizes().max().unwrap_or(0),
            batches_per_trace_mean: per_trace(self.traces.values().map(|trace| trace.1).sum()),
            bytes_per_span: per_span(set.bytes()),
            own_bytes_per_span: per_span(self.own_bytes),
            attributes_per_span: per_span(self.attributes),
            attribute_types: self.types,
            kinds: self.kinds,
            error_percent: 100.0 * per_span(self.errors),
            events_per_span: per_span(self.events),
            links_per_span: per_span(self.links),
            services: self.services.len(),
            resources: self.resources.len(),
            attributes_per_resource: self.resource_attributes as f64
                / self.resource_batches.max(1) as f64,
            names: self.names.len(),
            patches_per_span: per_span(patches),
        }
    }
}

fn type_name(value: Option<&Value>) -> &'static str {
    match value {
        Some(Value::String(_)) => "string",
        Some(Value::Bool(_)) => "bool",
        Some(Value::Int(_)) => "int",
        Some(Value::Double(_)) => "double",
        Some(Value::Array(_)) => "array",
        Some(Value::Kvlist(_)) => "kvlist",
        Some(Value::Bytes(_)) => "bytes",
        None => "none",
    }
}

impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { batches, spans, traces, services, resources, names, .. } = self;
        writeln!(f, "{batches} batches, {spans} spans, {traces} traces")?;
        writeln!(
            f,
            "spans/trace        {} to {}, mean {:.1}, spread over {:.1} batches",
            self.spans_per_trace_min,
            self.spans_per_trace_max,
            self.spans_per_trace_mean,
            self.batches_per_trace_mean,
        )?;
        writeln!(
            f,
            "bytes/span         {:.0} on the wire, {:.0} without resources",
            self.bytes_per_span, self.own_bytes_per_span
        )?;
        writeln!(
            f,
            "attributes/span    {:.1} {:?}",
            self.attributes_per_span, self.attribute_types
        )?;
        writeln!(f, "errors             {:.1} %", self.error_percent)?;
        writeln!(f, "events/span        {:.3}", self.events_per_span)?;
        writeln!(f, "links/span         {:.3}", self.links_per_span)?;
        writeln!(
            f,
            "services           {services}, {resources} resources with {:.1} attributes",
            self.attributes_per_resource
        )?;
        writeln!(f, "span names         {names}, kinds {:?}", self.kinds)?;
        writeln!(f, "patches/span       {:.1}", self.patches_per_span)
    }
}
