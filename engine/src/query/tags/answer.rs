//! Answers as messages of the API, cut to their limits.

use std::sync::Arc;

use bytes::Bytes;
use stringendo_block::tags::{TagNames, TagScope, TagValues, Texts};
use stringendo_proto::tempopb::{
    MetadataMetrics, SearchTagValuesResponse, SearchTagValuesV2Response, SearchTagsResponse,
    SearchTagsV2Response, TagScope as ScopeMessage, TagValue,
};
use stringendo_traceql::ast::Static;
use stringendo_traceql::duration::format_go;

use super::{TagLimits, unread};
use crate::block_list::{BlockEntry, data_bytes};
use crate::query::collect::SearchCost;
use crate::query::memory::Held;

/// What answering cost.
#[derive(Clone, Debug, Default)]
pub struct TagsCost {
    read: SearchCost,
    /// Bytes looked at, by tenant.
    tenants: Vec<u64>,
    jobs: u32,
    jobs_done: u32,
    blocks: u32,
    block_bytes: u64,
}

impl TagsCost {
    /// Adds parts that were asked for.
    pub(super) fn add_jobs(&mut self, jobs: usize) {
        self.jobs += jobs as u32;
    }

    /// Adds a cost that is not of a part.
    pub(super) fn add(&mut self, read: &SearchCost) {
        self.read.add(read);
    }

    /// Adds the cost of a core's part.
    pub(super) fn add_part(&mut self, read: &SearchCost) {
        self.add(read);
        self.jobs_done += u32::from(read.is_complete());
    }

    /// What follows is another tenant's.
    pub(super) fn end_tenant(&mut self) {
        let others: u64 = self.tenants.iter().sum();
        self.tenants.push(self.read.bytes - others);
    }

    /// Adds blocks in the range.
    pub(super) fn add_blocks(&mut self, blocks: &[Arc<BlockEntry>]) {
        self.blocks += blocks.len() as u32;
        self.block_bytes = self.block_bytes.saturating_add(data_bytes(blocks));
    }

    fn metrics(&self) -> Option<MetadataMetrics> {
        Some(MetadataMetrics {
            inspected_bytes: self.read.bytes,
            total_jobs: self.jobs,
            completed_jobs: self.jobs_done,
            total_blocks: self.blocks,
            total_block_bytes: self.block_bytes,
            backend_reads: self.read.reads.count,
            backend_bytes: self.read.reads.bytes,
            additional_metrics: self.read.additional(),
        })
    }
}

/// What is left of the limits.
struct Room {
    count: usize,
    bytes: usize,
}

impl Room {
    fn of(limits: &TagLimits) -> Self {
        let or_all = |limit| if limit == 0 { usize::MAX } else { limit };
        Self { count: or_all(limits.count), bytes: or_all(limits.bytes) }
    }

    /// Whether there is room for a text, which then takes it.
    fn take(&mut self, text: &[u8]) -> bool {
        let fits = self.count > 0 && text.len() <= self.bytes;
        // What does not fit ends the answer.
        self.count = if fits { self.count - 1 } else { 0 };
        self.bytes -= if fits { text.len() } else { 0 };
        fits
    }
}

/// Names of tags by scope.
#[derive(Clone, Debug, Default)]
pub struct NamesAnswer {
    scopes: Vec<(&'static str, Vec<Bytes>)>,
    cost: TagsCost,
}

impl NamesAnswer {
    pub(super) fn new(
        mut names: TagNames,
        scopes: &[TagScope],
        limits: &TagLimits,
        cost: TagsCost,
    ) -> Self {
        let mut bytes = Room::of(limits).bytes;
        let mut answer = Self { scopes: Vec::new(), cost };
        for scope in scopes {
            let mut room = Room { bytes, ..Room::of(limits) };
            let all = shared(std::mem::take(names.of_mut(*scope)));
            let kept: Vec<Bytes> = all.take_while(|name| room.take(name)).collect();
            bytes = room.bytes;
            if !kept.is_empty() {
                answer.scopes.push((scope_name(*scope), kept));
            }
        }
        answer
    }

    /// Adds names that there always are.
    pub fn add_fixed(&mut self, scope: &'static str, names: &[&'static str]) {
        let names = names.iter().map(|name| Bytes::from_static(name.as_bytes()));
        self.scopes.push((scope, names.collect()));
    }

    /// Keeps the names for which `keep` says so.
    pub fn retain(&mut self, mut keep: impl FnMut(&str, &[u8]) -> bool) {
        for (scope, names) in &mut self.scopes {
            names.retain(|name| keep(scope, name));
        }
        self.scopes.retain(|(_, names)| !names.is_empty());
    }

    /// For version 1 of the API: all names, sorted.
    pub fn into_v1(self) -> SearchTagsResponse {
        let mut tag_names: Vec<Bytes> =
            self.scopes.into_iter().flat_map(|(_, names)| names).collect();
        tag_names.sort_unstable();
        tag_names.dedup();
        SearchTagsResponse { tag_names, metrics: self.cost.metrics() }
    }

    /// For version 2 of the API.
    pub fn into_v2(self) -> SearchTagsV2Response {
        let metrics = self.cost.metrics();
        let scope = |(name, tags): (&'static str, _)| ScopeMessage { name: name.to_owned(), tags };
        SearchTagsV2Response { scopes: self.scopes.into_iter().map(scope).collect(), metrics }
    }

    /// Bytes that were looked at, by tenant; nothing if no data was needed.
    pub fn inspected_bytes(&self) -> &[u64] {
        &self.cost.tenants
    }
}

fn scope_name(scope: TagScope) -> &'static str {
    match scope {
        TagScope::Resource => "resource",
        TagScope::Span => "span",
        TagScope::Event => "event",
        TagScope::Link => "link",
        TagScope::Instrumentation => "instrumentation",
    }
}

/// The texts, which share one piece of memory. What is no UTF-8 is made so.
fn shared(texts: Texts) -> impl Iterator<Item = Bytes> {
    let (bytes, ends) = texts.into_parts();
    // Looking at all at once is a lot faster. Texts that break within a character could make up
    // valid ones together.
    let is_valid = str::from_utf8(&bytes)
        .is_ok_and(|all| ends.iter().all(|end| all.is_char_boundary(*end as usize)));
    let bytes = Bytes::from(bytes);
    let mut start = 0;
    ends.into_iter().map(move |end| {
        let text = bytes.slice(start..end as usize);
        start = end as usize;
        if is_valid { text } else { valid(text) }
    })
}

fn valid(text: Bytes) -> Bytes {
    match String::from_utf8_lossy(&text) {
        std::borrow::Cow::Borrowed(_) => text,
        std::borrow::Cow::Owned(fixed) => Bytes::from(fixed),
    }
}

/// Values of a tag.
#[derive(Clone, Debug, Default)]
pub struct ValuesAnswer {
    /// Type and text.
    values: Vec<(&'static str, Bytes)>,
    cost: TagsCost,
}

impl ValuesAnswer {
    /// Memory of a value beside its text in the set.
    pub(super) const VALUE_BYTES: usize = size_of::<TagValue>() + 48;

    pub(super) fn new(
        values: TagValues,
        literals: &[Static],
        limits: &TagLimits,
        cost: TagsCost,
    ) -> Self {
        let text = |text: String| Bytes::from(text);
        let strings = shared(values.strings).map(|value| ("string", value));
        let ints = values.ints.iter().map(|value| ("int", text(value.to_string())));
        // As the language writes them, so that they can be put into a query: there, 2 is not 2.0.
        let floats = values.floats.iter();
        let floats = floats.map(|value| ("float", text(Static::Float(*value).to_string())));
        let bools = values.bools.iter().map(|value| ("bool", text(value.to_string())));
        let durations = values.durations.iter();
        let durations = durations.map(|nanos| ("duration", text(duration(*nanos))));
        let literals = literals.iter().filter_map(literal);
        let all = literals.chain(strings).chain(ints).chain(floats).chain(bools).chain(durations);
        let mut room = Room::of(limits);
        Self { values: all.take_while(|(_, value)| room.take(value)).collect(), cost }
    }

    pub(super) fn of_keywords(words: &[&'static str]) -> Held<Self> {
        let value = |word: &&'static str| ("keyword", Bytes::from_static(word.as_bytes()));
        unread(Self { values: words.iter().map(value).collect(), cost: TagsCost::default() })
    }

    /// An answer that does not depend on what is stored.
    pub fn of_strings(words: &[&'static str]) -> Self {
        let value = |word: &&'static str| ("string", Bytes::from_static(word.as_bytes()));
        Self { values: words.iter().map(value).collect(), cost: TagsCost::default() }
    }

    pub(super) fn of_literals(literals: &[Static]) -> Held<Self> {
        let mut values: Vec<_> = literals.iter().filter_map(literal).collect();
        values.sort_unstable();
        values.dedup();
        unread(Self { values, cost: TagsCost::default() })
    }

    /// Keeps the values, each with its type, for which `keep` says so.
    pub fn retain(&mut self, mut keep: impl FnMut(&str, &[u8]) -> bool) {
        self.values.retain(|(kind, value)| keep(kind, value));
    }

    /// For version 1 of the API: texts, sorted.
    pub fn into_v1(self) -> SearchTagValuesResponse {
        let mut tag_values: Vec<Bytes> = self.values.into_iter().map(|(_, value)| value).collect();
        tag_values.sort_unstable();
        tag_values.dedup();
        SearchTagValuesResponse { tag_values, metrics: self.cost.metrics() }
    }

    /// For version 2 of the API.
    pub fn into_v2(self) -> SearchTagValuesV2Response {
        let metrics = self.cost.metrics();
        let value = |(kind, value): (&'static str, Bytes)| TagValue {
            kind: Bytes::from_static(kind.as_bytes()),
            value,
        };
        SearchTagValuesV2Response {
            tag_values: self.values.into_iter().map(value).collect(),
            metrics,
        }
    }

    /// Bytes that were looked at, by tenant; nothing if no data was needed.
    pub fn inspected_bytes(&self) -> &[u64] {
        &self.cost.tenants
    }
}

fn duration(nanos: u64) -> String {
    format_go(i64::try_from(nanos).unwrap_or(i64::MAX))
}

fn literal(literal: &Static) -> Option<(&'static str, Bytes)> {
    let (kind, text) = match literal {
        Static::Nil => return None,
        Static::Str(text) => ("string", String::from_utf8_lossy(text).into_owned()),
        Static::Int(value) => ("int", value.to_string()),
        Static::Float(_) => ("float", literal.to_string()),
        Static::Bool(value) => ("bool", value.to_string()),
        Static::Duration(nanos) => ("duration", format_go(*nanos)),
        Static::Status(status) => ("keyword", status.word().to_owned()),
        Static::Kind(kind) => ("keyword", kind.word().to_owned()),
    };
    Some((kind, Bytes::from(text)))
}
