//! Judges one whole trace that is in memory as wire bytes, and makes the find of it.
//!
//! From: [`super::live_search`], with the live spans of a trace. To: [`super::collect`].

use stringendo_block::StoredForm;
use stringendo_proto::TraceId;
use stringendo_traceql::SpanSet;

use super::SearchRequest;
use super::collect::FoundTrace;
use super::echo::{self, SpanFacts};
use super::memory::AnswerMemory;
use super::pending::Judged;
use super::touch::touches;
use crate::error::QueryError;
use crate::live::columns::{LiveColumns, LiveFields};
use crate::live::facts;
use crate::live::span::SpanView;

/// What became of a trace.
pub struct Verdict {
    /// The find, if the trace matches.
    pub judged: Judged,
    /// Whether the trace may match if there are more pieces of it than these spans.
    pub touches: bool,
}

/// Judges traces for one request.
pub struct Judge<'r> {
    request: &'r SearchRequest,
    fields: LiveFields<'r>,
    sets: Vec<SpanSet>,
}

impl<'r> Judge<'r> {
    /// A judge, for data that will be stored in this form.
    pub fn new(request: &'r SearchRequest, form: &StoredForm) -> Self {
        let fields = LiveFields::of(&request.plan, form);
        Self { request, fields, sets: Vec::new() }
    }

    /// Memory that judging these spans takes, in bytes.
    pub fn memory_bytes(&self, spans: &[SpanView<'_>]) -> u64 {
        self.fields.memory_bytes(spans)
    }

    /// Judges a trace, or what one place holds of it; what a find holds of spans is charged to
    /// `memory`.
    ///
    /// # Errors
    /// There is no memory.
    pub fn judge(
        &mut self,
        id: &TraceId,
        spans: &[SpanView<'_>],
        memory: &mut AnswerMemory,
    ) -> Result<Verdict, QueryError> {
        let columns = LiveColumns::read(id, spans, &self.fields);
        if let Err(error) = self.request.plan.spansets(&columns, &mut self.sets) {
            return Ok(Verdict { judged: Err(error), touches: true });
        }
        if self.sets.is_empty() {
            return Ok(Verdict {
                judged: Ok(None),
                touches: touches(&self.request.plan, &columns),
            });
        }
        let facts = |number: u32| {
            let span = &spans[number as usize];
            SpanFacts {
                span_id: span.span_id.0,
                start_unix_nanos: span.start_unix_nanos,
                duration_nanos: span.duration_nanos(),
            }
        };
        let sets = echo::sets(self.request, &columns, &self.sets, facts, memory)?;
        Ok(Verdict { judged: Ok(Some(found(id, spans, sets))), touches: true })
    }
}

fn found(
    id: &TraceId,
    spans: &[SpanView<'_>],
    sets: Vec<stringendo_proto::tempopb::SpanSet>,
) -> FoundTrace {
    let facts = facts::of(id, spans);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let services = facts.services.iter().map(|(service, counts)| (text(service), *counts));
    FoundTrace {
        trace_id: *id,
        root_service: text(facts.root_service),
        root_name: text(facts.root_name),
        start_unix_nanos: facts.start_unix_nanos,
        end_unix_nanos: facts.end_unix_nanos,
        services: services.collect(),
        sets,
    }
}
