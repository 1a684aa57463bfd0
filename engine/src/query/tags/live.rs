//! Names and values in live data, all spans counting: from summaries of segments, which grow with
//! them. Only spans that came since the last question are looked at.

use std::rc::Rc;

use stringendo_block::meta::DedicatedScope;
use stringendo_block::tags::{DistinctValues, TagField, TagNamesFound, TagScope};
use stringendo_block::{SpanPart, StoredForm};
use stringendo_proto::wire::{Fields, Value as Wire};
use stringendo_ring::yield_if_due;
use stringendo_traceql::Field;
use stringendo_traceql::narrow::plan_of_all;
use uuid::Uuid;

use super::blocks::Growing;
use super::fields::{add_value, tag_field};
use super::gather::Gathered;
use super::live_narrowed;
use super::part::{TagsJob, What};
use super::summaries::{Key, Summary};
use crate::error::QueryError;
use crate::limits::TAG_VALUES_BYTES_MAX;
use crate::live::LiveSegment;
use crate::live::index::TenantIndex;
use crate::live::span::{
    self, EVENT_ATTRIBUTES, LINK_ATTRIBUTES, RESOURCE_ATTRIBUTES, SCOPE_ATTRIBUTES,
    SPAN_ATTRIBUTES, SPAN_EVENTS, SPAN_LINKS,
};
use crate::live::value::any_value;
use crate::shard::Shard;
use crate::tenant::TenantId;

/// Spans looked at between two chances for other tasks: some 100 µs.
const STEP_SPANS: usize = 128;

/// Adds what the job asks for.
///
/// # Errors
/// There is no memory.
pub(super) async fn add(
    shard: &Shard,
    tenant: &TenantId,
    job: &TagsJob,
    gathered: &mut Gathered,
) -> Result<(), QueryError> {
    let fields = match &job.what {
        What::Names(_) => vec![None],
        What::Values(fields) => fields.iter().map(Some).collect(),
    };
    for field in fields {
        let wanted = match field.map(tag_field) {
            None => Wanted::Names,
            // Which span is the root takes the whole trace.
            Some(None | Some(TagField::RootName | TagField::RootService)) => {
                let of_field = TagsJob {
                    what: What::Values(field.into_iter().cloned().collect()),
                    ..job.clone()
                };
                let plan = field.and_then(|field| plan_of_all(std::slice::from_ref(field)));
                if let Some(plan) = plan {
                    live_narrowed::add(shard, tenant, &of_field, &plan, gathered).await?;
                }
                continue;
            }
            Some(Some(tag)) => Wanted::Values(tag),
        };
        for segment in segments(shard) {
            let summary = summary(shard, tenant, segment, field, &wanted, job, gathered).await?;
            let overlaps = summary.start_unix_nanos <= job.end_unix_nanos
                && summary.end_unix_nanos >= job.start_unix_nanos;
            if summary.spans > 0 && overlaps {
                gathered.add_names(&summary.names)?;
                gathered.add_values(&summary.values)?;
            }
        }
    }
    Ok(())
}

/// What is looked for in spans.
enum Wanted {
    Names,
    Values(TagField),
}

fn segments(shard: &Shard) -> Vec<Uuid> {
    let sealed = shard.live_segments();
    let active = shard.active.borrow().id;
    sealed.iter().map(|segment| segment.id).chain([active]).collect()
}

/// Runs `look` on a segment, wherever it has gone meanwhile. One that became a block is not
/// needed any more: blocks are asked for later.
fn in_segment<T>(
    shard: &Shard,
    tenant: &TenantId,
    id: Uuid,
    look: impl FnOnce(&LiveSegment, &TenantIndex) -> T,
) -> Option<T> {
    let active = shard.active.borrow();
    if active.id == id {
        return active.tenant(tenant).map(|index| look(&active, index));
    }
    let sealed = shard.live_segments().into_iter().find(|segment| segment.id == id)?;
    sealed.tenant(tenant).map(|index| look(&sealed, index))
}

/// The summary of a segment up to its newest span.
async fn summary(
    shard: &Shard,
    tenant: &TenantId,
    segment: Uuid,
    field: Option<&Field>,
    wanted: &Wanted,
    job: &TagsJob,
    gathered: &mut Gathered,
) -> Result<Rc<Summary>, QueryError> {
    let key = Key::Live(segment, tenant.clone(), field.cloned());
    let bytes_max = job.bytes_max().min(TAG_VALUES_BYTES_MAX);
    let known = shard.tags.get(&key).filter(|known| known.suffices(bytes_max));
    let first = known.as_ref().map_or(0, |known| known.spans);
    let form = shard.stored_form(tenant);
    let mut look = Look::new(wanted, &form, first, bytes_max);
    let mut held = Growing::default();
    loop {
        let before = look.spans;
        in_segment(shard, tenant, segment, |segment, index| look.step(segment, index));
        gathered.read.spans += (look.spans - before) as u64;
        if look.spans == before {
            break;
        }
        held.grow(gathered.memory(), look.memory_bytes())?;
        yield_if_due().await;
    }
    gathered.read.bytes += look.bytes;
    held.give_back(gathered.memory());
    if let Some(known) = known.as_ref().filter(|_| look.spans == first) {
        return Ok(Rc::clone(known));
    }
    let summary = Rc::new(look.summary(known.as_deref(), bytes_max));
    shard.tags.keep(key, &summary);
    Ok(summary)
}

/// Looks at the spans of a segment, one after the other.
struct Look<'a> {
    wanted: &'a Wanted,
    form: &'a StoredForm,
    names: TagNamesFound,
    values: DistinctValues,
    /// Number of the next span.
    spans: usize,
    bytes: u64,
    start_unix_nanos: u64,
    end_unix_nanos: u64,
    /// Where the resource and the scope of the span before are.
    resource: Option<(u32, u32)>,
    scope: Option<(u32, u32)>,
}

impl<'a> Look<'a> {
    fn new(wanted: &'a Wanted, form: &'a StoredForm, first: usize, bytes_max: usize) -> Self {
        Self {
            wanted,
            form,
            names: TagNamesFound::default(),
            values: DistinctValues::new(bytes_max),
            spans: first,
            bytes: 0,
            start_unix_nanos: u64::MAX,
            end_unix_nanos: 0,
            resource: None,
            scope: None,
        }
    }

    fn memory_bytes(&self) -> usize {
        self.names.memory_bytes() + self.values.memory_bytes()
    }

    fn step(&mut self, segment: &LiveSegment, index: &TenantIndex) {
        for (span, part) in index.spans_from(self.spans).take(STEP_SPANS) {
            self.spans += 1;
            self.start_unix_nanos = self.start_unix_nanos.min(span.start_unix_nano);
            self.end_unix_nanos = self.end_unix_nanos.max(span.end_unix_nano);
            self.bytes += u64::from(part.span.len);
            if let Some(chunk) = segment.chunks().get(part.chunk as usize) {
                self.span(chunk, &part);
            }
        }
    }

    fn span(&mut self, chunk: &[u8], part: &SpanPart) {
        let (resource, scope) = (part.resource.of(chunk), part.scope.of(chunk));
        let at = (part.chunk, part.resource.offset);
        let new_resource = self.resource.replace(at) != Some(at);
        let at = (part.chunk, part.scope.offset);
        let new_scope = self.scope.replace(at) != Some(at);
        let body = part.span.of(chunk);
        match self.wanted {
            Wanted::Names => {
                if new_resource {
                    self.names(TagScope::Resource, resource, RESOURCE_ATTRIBUTES);
                }
                if new_scope {
                    self.names(TagScope::Instrumentation, scope, SCOPE_ATTRIBUTES);
                }
                self.names(TagScope::Span, body, SPAN_ATTRIBUTES);
                for event in span::messages(body, SPAN_EVENTS) {
                    self.names(TagScope::Event, event, EVENT_ATTRIBUTES);
                }
                for link in span::messages(body, SPAN_LINKS) {
                    self.names(TagScope::Link, link, LINK_ATTRIBUTES);
                }
            }
            Wanted::Values(TagField::Attribute { scope: TagScope::Resource, key }) => {
                if new_resource {
                    self.resource_values(resource, key.as_bytes());
                }
            }
            Wanted::Values(TagField::Attribute { scope: TagScope::Instrumentation, key }) => {
                if new_scope {
                    self.values(scope, SCOPE_ATTRIBUTES, key.as_bytes());
                }
            }
            Wanted::Values(TagField::Attribute { scope: TagScope::Span, key }) => {
                self.values(body, SPAN_ATTRIBUTES, key.as_bytes());
            }
            Wanted::Values(TagField::Attribute { scope: TagScope::Event, key }) => {
                span::messages(body, SPAN_EVENTS)
                    .for_each(|event| self.values(event, EVENT_ATTRIBUTES, key.as_bytes()));
            }
            Wanted::Values(TagField::Attribute { scope: TagScope::Link, key }) => {
                span::messages(body, SPAN_LINKS)
                    .for_each(|link| self.values(link, LINK_ATTRIBUTES, key.as_bytes()));
            }
            Wanted::Values(intrinsic) => self.intrinsic(intrinsic, resource, scope, body),
        }
    }

    /// The keys of a list, but for those that a block does not keep.
    fn names(&mut self, scope: TagScope, body: &[u8], number: u32) {
        for (key, value) in span::attributes(body, number) {
            let is_lost = match scope {
                TagScope::Resource if key == b"service.name" => {
                    span::string_value(value) == Some(b"".as_slice())
                }
                _ => {
                    is_empty_array(value)
                        && dedicated(scope)
                            .is_some_and(|scope| self.form.column_of(scope, key).is_some())
                }
            };
            if !is_lost {
                self.names.insert(scope, key);
            }
        }
    }

    fn values(&mut self, body: &[u8], number: u32, wanted: &[u8]) {
        for (_, value) in span::attributes(body, number).filter(|(key, _)| *key == wanted) {
            add_value(any_value(value).get(), &mut self.values);
        }
    }

    fn resource_values(&mut self, resource: &[u8], key: &[u8]) {
        self.values(resource, RESOURCE_ATTRIBUTES, key);
        // Every resource has a service name, if an empty one (traceql.md §5.2).
        if key == b"service.name"
            && span::string_attribute(resource, RESOURCE_ATTRIBUTES, key).is_none()
        {
            self.values.string(b"");
        }
    }

    fn intrinsic(&mut self, field: &TagField, resource: &[u8], scope: &[u8], body: &[u8]) {
        let text = |body, number| span::messages(body, number).last().unwrap_or(&[]);
        match field {
            TagField::ScopeName => self.values.string(text(scope, 1)),
            TagField::ScopeVersion => self.values.string(text(scope, 2)),
            TagField::EventName => {
                span::messages(body, SPAN_EVENTS).for_each(|event| {
                    self.values.string(text(event, 2));
                });
            }
            _ => {
                // An accepted span is well-formed.
                let Ok(view) = span::view(resource, scope, body) else { return };
                match field {
                    TagField::Name => self.values.string(view.name),
                    TagField::StatusMessage => self.values.string(view.status_message),
                    _ => {}
                }
            }
        }
    }

    /// What was found, and what was known before.
    fn summary(&self, known: Option<&Summary>, bytes_max: usize) -> Summary {
        let mut summary = Summary {
            names: self.names.sorted(),
            values: self.values.sorted(),
            cut_at: self.values.is_full().then_some(bytes_max),
            spans: self.spans,
            start_unix_nanos: self.start_unix_nanos,
            end_unix_nanos: self.end_unix_nanos,
        };
        if let Some(known) = known {
            for scope in TagScope::ALL {
                let merged = summary.names.of(scope).merged(known.names.of(scope));
                *summary.names.of_mut(scope) = merged;
            }
            summary.values = summary.values.merged(&known.values);
            summary.cut_at = summary.cut_at.or(known.cut_at);
            summary.start_unix_nanos = summary.start_unix_nanos.min(known.start_unix_nanos);
            summary.end_unix_nanos = summary.end_unix_nanos.max(known.end_unix_nanos);
        }
        summary
    }
}

fn dedicated(scope: TagScope) -> Option<DedicatedScope> {
    match scope {
        TagScope::Resource => Some(DedicatedScope::Resource),
        TagScope::Span => Some(DedicatedScope::Span),
        TagScope::Event => Some(DedicatedScope::Event),
        TagScope::Link | TagScope::Instrumentation => None,
    }
}

fn is_empty_array(value: &[u8]) -> bool {
    match Fields::new(value).last() {
        Some(Ok((5, Wire::Bytes(array)))) => span::messages(array, 1).next().is_none(),
        _ => false,
    }
}
