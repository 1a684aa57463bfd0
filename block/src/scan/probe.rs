//! Which columns a test looks at.
//!
//! From: [`super::needs`]. To: [`super::lookup`], which asks dictionaries, and [`super::sift`],
//! which asks data pages.

use std::ops::RangeInclusive;
use std::sync::Arc;

use bytes::Bytes;

use super::needs::{Accepts, Needs, Scalar, ScanNeed, ScanTest, Wanted};
use super::plan::{attr_columns, dedicated_of};
use super::{AttributeScope, ScanField};
use crate::meta::DedicatedType;
use crate::read::columns::{AttrColumns, Column, Columns};
use crate::read::texts::TextForm;

/// A look at one column: rows that hold a value which passes may pass.
#[derive(Clone)]
pub(super) struct Probe {
    pub(super) column: Column,
    /// For values of generic attributes: what key they belong to.
    pub(super) keyed: Option<Keyed>,
    pub(super) accepts: Accepts,
    /// Numbers outside never pass, and whether the column's numbers are unsigned.
    pub(super) numbers: Option<(RangeInclusive<i128>, bool)>,
    /// Which entries of the column's dictionary pass, once it was looked at.
    pub(super) codes: Option<Arc<CodeSet>>,
}

/// Generic attributes of one key.
#[derive(Clone)]
pub(super) struct Keyed {
    pub(super) key: Bytes,
    pub(super) key_column: Column,
    /// Repetition level of an attribute.
    pub(super) level: u8,
    /// Which entry of the keys' dictionary it is, once that was looked at.
    pub(super) codes: Option<Arc<CodeSet>>,
}

/// A set of dictionary entries.
#[derive(Debug, Default)]
pub(super) struct CodeSet {
    pub(super) passes: Vec<bool>,
    /// How many.
    pub(super) count: usize,
    /// One of them.
    pub(super) some: u32,
}

impl CodeSet {
    pub(super) fn push(&mut self, passes: bool) {
        if passes {
            self.some = self.passes.len() as u32;
        }
        self.count += usize::from(passes);
        self.passes.push(passes);
    }
}

/// A need: for each test that can be made, the columns to look at.
pub(super) type NeedProbes = Vec<Vec<Probe>>;

/// What to look at for each need. `None` if every row is wanted.
pub(super) fn probes(
    columns: &Columns,
    fields: &[ScanField],
    needs: &Needs,
) -> Option<Vec<NeedProbes>> {
    let finder = Finder { columns, fields, wanted: needs.wanted };
    let all: Vec<NeedProbes> = needs.needs.iter().map(|need| finder.need(need)).collect();
    let is_open = |need: &NeedProbes| need.is_empty();
    let wants_every_row = match needs.wanted {
        Wanted::AnyNeed => all.iter().any(is_open),
        Wanted::AllNeeds => all.iter().all(is_open),
    };
    (!all.is_empty() && !wants_every_row).then_some(all)
}

struct Finder<'a> {
    columns: &'a Columns,
    fields: &'a [ScanField],
    wanted: Wanted,
}

impl Finder<'_> {
    fn need(&self, need: &ScanNeed) -> NeedProbes {
        let mut tests: NeedProbes = need.iter().filter_map(|test| self.test(test)).collect();
        // What is cheap to look at leaves less for the rest.
        tests.sort_by_key(|probes| probes.iter().any(|probe| probe.keyed.is_some()));
        tests
    }

    /// `None` if rows cannot be told apart by the test.
    fn test(&self, test: &ScanTest) -> Option<Vec<Probe>> {
        let mut probes = Vec::new();
        for field in &test.fields {
            self.field(self.fields.get(*field)?, test, &mut probes)?;
        }
        Some(probes)
    }

    fn field(&self, field: &ScanField, test: &ScanTest, probes: &mut Vec<Probe>) -> Option<()> {
        if self.wanted == Wanted::AnyNeed && is_of_whole_trace(field) {
            return None;
        }
        let may_be_missing = field.list().is_some() || matches!(field, ScanField::Attribute { .. });
        if may_be_missing && (test.accepts)(Scalar::Missing) {
            return None;
        }
        match field {
            ScanField::LinkTraceId | ScanField::LinkSpanId if self.columns.link.is_none() => {
                probes.push(self.links_with(&[])?);
            }
            ScanField::Attribute { scope: AttributeScope::Link, key }
                if self.columns.link.is_none() =>
            {
                probes.push(self.links_with(key.as_bytes())?);
            }
            ScanField::Attribute { scope, key } => self.attribute(*scope, key, test, probes),
            other => {
                let (column, is_unsigned) = own_column(self.columns, other)?;
                let numbers = Some((test.numbers.clone(), is_unsigned));
                probes.push(Probe { numbers, ..Probe::of(column, &test.accepts) });
            }
        }
        Some(())
    }

    /// Where the links of a span are one message: those that hold `text`, as the message of a link
    /// with such a key does. `None` if the block has no such messages.
    fn links_with(&self, text: &[u8]) -> Option<Probe> {
        let finder = memchr::memmem::Finder::new(text).into_owned();
        let accepts: Accepts = Arc::new(move |value| match value {
            Scalar::Bytes(message) => !message.is_empty() && finder.find(message).is_some(),
            _ => false,
        });
        Some(Probe::of(self.columns.span.links_message?, &accepts))
    }

    fn attribute(
        &self,
        scope: AttributeScope,
        key: &str,
        test: &ScanTest,
        probes: &mut Vec<Probe>,
    ) {
        let own = dedicated_of(self.columns, scope).iter().filter(|leaf| leaf.key == key);
        let fits = |kind| match kind {
            DedicatedType::String => test.types.bytes,
            DedicatedType::Int => test.types.ints,
        };
        for leaf in own.filter(|leaf| fits(leaf.kind)) {
            let numbers = Some((test.numbers.clone(), false));
            probes.push(Probe { numbers, ..Probe::of(leaf.column, &test.accepts) });
        }
        if scope == AttributeScope::Resource && key == "service.name" && test.types.bytes {
            probes.push(Probe::of(self.columns.resource.service_name, &test.accepts));
        }
        if let Some((_, attrs)) = attr_columns(self.columns, scope) {
            generic(attrs, key, test, probes);
        }
    }
}

/// Values of generic attributes.
fn generic(attrs: &AttrColumns, key: &str, test: &ScanTest, probes: &mut Vec<Probe>) {
    let key = Bytes::copy_from_slice(key.as_bytes());
    let values = attrs.values.filter(|_| attrs.form == TextForm::Rest);
    let Some([strings, ints, doubles, bools]) =
        values.filter(|_| !(test.accepts)(Scalar::Unsupported))
    else {
        // The key suffices, whatever the value: it may be in a text.
        let accepts: Accepts = Arc::new(move |value| value == Scalar::Bytes(&key));
        probes.push(Probe::of(attrs.key, &accepts));
        return;
    };
    let columns = [
        (test.types.bytes, strings),
        (test.types.ints, ints),
        (test.types.floats, doubles),
        (test.types.bools, bools),
    ];
    for (_, column) in columns.into_iter().filter(|(fits, _)| *fits) {
        let keyed =
            Keyed { key: key.clone(), key_column: attrs.key, level: attrs.level, codes: None };
        let (keyed, numbers) = (Some(keyed), Some((test.numbers.clone(), false)));
        probes.push(Probe { keyed, numbers, ..Probe::of(column, &test.accepts) });
    }
}

impl Probe {
    fn of(column: Column, accepts: &Accepts) -> Self {
        let accepts = Arc::clone(accepts);
        Self { column, keyed: None, accepts, numbers: None, codes: None }
    }
}

/// What a piece of a trace does not tell.
fn is_of_whole_trace(field: &ScanField) -> bool {
    matches!(
        field,
        ScanField::TraceDuration
            | ScanField::RootName
            | ScanField::RootService
            | ScanField::ChildCount
            | ScanField::NestedSetLeft
            | ScanField::NestedSetRight
            | ScanField::NestedSetParent
    )
}

/// The column of a field that is no attribute, and whether its numbers are unsigned; `None` if it
/// is not in a column of the block.
fn own_column(columns: &Columns, field: &ScanField) -> Option<(Column, bool)> {
    let span = &columns.span;
    Some(match field {
        ScanField::Name => (span.name, false),
        ScanField::Duration => (span.duration, true),
        ScanField::Status => (span.status_code, false),
        ScanField::StatusMessage => (span.status_message, false),
        ScanField::Kind => (span.kind, false),
        ScanField::SpanId => (span.span_id, false),
        ScanField::ParentId => (span.parent_span_id, false),
        ScanField::ChildCount => (span.child_count?, false),
        ScanField::NestedSetLeft => (span.left, false),
        ScanField::NestedSetRight => (span.right, false),
        ScanField::NestedSetParent => (span.parent, false),
        ScanField::TraceDuration => (columns.duration, true),
        ScanField::RootName => (columns.root_name, false),
        ScanField::RootService => (columns.root_service, false),
        ScanField::TraceId => (columns.trace_id, false),
        ScanField::ScopeName => (columns.scope.name, false),
        ScanField::ScopeVersion => (columns.scope.version, false),
        ScanField::EventName => (columns.event.name, false),
        ScanField::EventTimeSinceStart if columns.event.is_absolute => return None,
        ScanField::EventTimeSinceStart => (columns.event.time, true),
        ScanField::LinkTraceId => (columns.link.as_ref()?.trace_id, false),
        ScanField::LinkSpanId => (columns.link.as_ref()?.span_id, false),
        ScanField::Attribute { .. } => return None,
    })
}
