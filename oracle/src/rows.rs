//! Traces as plain rows: every span with its own copy of resource and scope.

use std::collections::BTreeMap;
use std::fmt;

/// A value of an attribute.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Text.
    Str(String),
    /// Integer.
    Int(i64),
    /// Floating-point number.
    Float(f64),
    /// Truth.
    Bool(bool),
    /// Elements, none of them an array.
    Array(Vec<Value>),
    /// A list of keys and values, which no query compares.
    Map,
}

/// Attributes; each key once.
pub type Attributes = BTreeMap<String, Value>;

/// Attributes of literal pairs.
pub fn attributes<const N: usize>(pairs: [(&str, Value); N]) -> Attributes {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Str(text.to_owned())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Float(number)
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}

/// An instrumentation scope.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scope {
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
    /// Attributes; the same for all scopes of one name and version.
    pub attributes: Attributes,
}

/// An event of a span.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Event {
    /// Name.
    pub name: String,
    /// Nanoseconds since the span's start.
    pub since_start_nanos: u64,
    /// Attributes.
    pub attributes: Attributes,
}

/// A link to a span.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Link {
    /// Trace.
    pub trace_id: [u8; 16],
    /// Span.
    pub span_id: u64,
    /// Attributes.
    pub attributes: Attributes,
}

/// A span.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Span {
    /// Id.
    pub id: u64,
    /// The parent's id; 0 for a root.
    pub parent: u64,
    /// Name.
    pub name: String,
    /// Kind in OTLP's numbers.
    pub kind: i32,
    /// Status in OTLP's numbers.
    pub status: i32,
    /// Status message.
    pub message: String,
    /// Start.
    pub start_unix_nanos: u64,
    /// End minus start.
    pub duration_nanos: u64,
    /// Attributes.
    pub attributes: Attributes,
    /// Events.
    pub events: Vec<Event>,
    /// Links.
    pub links: Vec<Link>,
    /// Attributes of the resource.
    pub resource: Attributes,
    /// Instrumentation scope.
    pub scope: Scope,
}

impl Span {
    /// End.
    pub fn end_unix_nanos(&self) -> u64 {
        self.start_unix_nanos + self.duration_nanos
    }

    /// The service that serves it, or nothing.
    pub fn service(&self) -> &str {
        match self.resource.get("service.name") {
            Some(Value::Str(name)) => name,
            _ => "",
        }
    }
}

/// A trace.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trace {
    /// Id.
    pub id: [u8; 16],
    /// In the order in which they are stored.
    pub spans: Vec<Span>,
}

impl Trace {
    /// A trace of these spans, in the order in which storage has them after pieces were combined
    /// (contract blocks.md §14, §15): by resource, scope, and time, each by its first span. It is
    /// also the order in which [`crate::otlp`] sends them, so that whole and split traces agree.
    pub fn new(id: [u8; 16], mut spans: Vec<Span>) -> Self {
        spans.sort_by_key(|span| (span.start_unix_nanos, span.id, span.kind));
        let mut stored: Vec<Span> = Vec::new();
        while let Some(first) = spans.first().cloned() {
            let of_resource: Vec<Span> =
                spans.iter().filter(|span| span.resource == first.resource).cloned().collect();
            spans.retain(|span| span.resource != first.resource);
            let mut rest = of_resource;
            while let Some(first) = rest.first().cloned() {
                stored.extend(rest.iter().filter(|span| span.scope == first.scope).cloned());
                rest.retain(|span| span.scope != first.scope);
            }
        }
        Self { id, spans: stored }
    }

    /// Lower-case hexadecimal digits without leading zeros.
    pub fn short_id(&self) -> String {
        short_hex(&self.id)
    }

    /// Earliest start.
    pub fn start_unix_nanos(&self) -> u64 {
        self.spans.iter().map(|span| span.start_unix_nanos).min().unwrap_or(0)
    }

    /// Latest end minus earliest start.
    pub fn duration_nanos(&self) -> u64 {
        let end = self.spans.iter().map(Span::end_unix_nanos).max().unwrap_or(0);
        end - self.start_unix_nanos()
    }
}

/// One line per span, for reports.
impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "trace {}", self.short_id())?;
        for span in &self.spans {
            write!(f, "  {:016x} of {:016x} {:?}", span.id, span.parent, span.name)?;
            write!(f, " kind {} status {} {:?}", span.kind, span.status, span.message)?;
            write!(f, " {}+{} ns", span.start_unix_nanos, span.duration_nanos)?;
            writeln!(f, " {:?}", span.attributes)?;
            writeln!(f, "    of {:?} {:?}", span.resource, span.scope)?;
            for event in &span.events {
                writeln!(f, "    {event:?}")?;
            }
            for link in &span.links {
                writeln!(f, "    {link:?}")?;
            }
        }
        Ok(())
    }
}

/// Hexadecimal digits without leading zeros.
pub fn short_hex(id: &[u8; 16]) -> String {
    format!("{:x}", u128::from_be_bytes(*id))
}
