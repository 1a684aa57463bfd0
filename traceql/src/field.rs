//! The fields that a query can read: intrinsics and attributes (contract `traceql.md` §5).
//!
//! The parser makes them, the plan numbers them, a source of spans prepares one column for each.
//! This module does not know how a field is stored.

use std::fmt;

use crate::source::SpanList;

/// A field that a query reads; a source prepares one column per entry of [`SearchPlan::fields`].
///
/// [`SearchPlan::fields`]: crate::SearchPlan::fields
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Field {
    /// A property that every span, trace, event or link has by its nature.
    Intrinsic(Intrinsic),
    /// A key of one of the attribute lists.
    Attribute {
        /// Which list is read.
        scope: AttributeScope,
        /// The attribute's key, without scope and without quotes.
        name: String,
    },
}

impl Field {
    /// An attribute of the given scope.
    pub fn attribute(scope: AttributeScope, name: impl Into<String>) -> Self {
        Self::Attribute { scope, name: name.into() }
    }

    /// Whether this is the service name of the resource, which always exists (contract §5.2).
    pub fn is_service_name(&self) -> bool {
        matches!(self, Self::Attribute { scope: AttributeScope::Resource, name }
            if name == "service.name")
    }

    /// The list that it is read from, of whose items a span has any number; `None` for what a span
    /// has once.
    pub fn list(&self) -> Option<SpanList> {
        use Intrinsic as I;
        match self {
            Self::Attribute { scope: AttributeScope::Event, .. }
            | Self::Intrinsic(I::EventName | I::EventTimeSinceStart) => Some(SpanList::Events),
            Self::Attribute { scope: AttributeScope::Link, .. }
            | Self::Intrinsic(I::LinkTraceId | I::LinkSpanId) => Some(SpanList::Links),
            _ => None,
        }
    }

    /// Whether a span's value depends on other spans of its trace: so sources that see a piece of a
    /// trace cannot tell it.
    pub fn is_of_whole_trace(&self) -> bool {
        use Intrinsic as I;
        matches!(
            self,
            Self::Intrinsic(
                I::ChildCount
                    | I::TraceDuration
                    | I::RootName
                    | I::RootService
                    | I::NestedSetLeft
                    | I::NestedSetRight
                    | I::NestedSetParent
            )
        )
    }

    /// The key under which a result span shows the field, or `None` for those that results carry
    /// elsewhere (contract §10.3).
    pub fn echo_key(&self) -> Option<&str> {
        use Intrinsic as I;
        match self {
            Self::Attribute { name, .. } => Some(name),
            Self::Intrinsic(
                I::Name
                | I::Duration
                | I::TraceDuration
                | I::RootName
                | I::RootService
                | I::TraceId
                | I::SpanId,
            ) => None,
            Self::Intrinsic(intrinsic) => Some(intrinsic.text()),
        }
    }
}

/// The list of attributes that an attribute is looked up in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AttributeScope {
    /// `.x`: the span's attribute, or the resource's where the span has none.
    /// An empty array counts as absent.
    Unscoped,
    /// `span.x`
    Span,
    /// `resource.x`
    Resource,
    /// `event.x`
    Event,
    /// `link.x`
    Link,
    /// `instrumentation.x`: attributes of the instrumentation scope.
    Instrumentation,
}

impl AttributeScope {
    /// What stands before the name in a query, its dot included.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Unscoped => ".",
            Self::Span => "span.",
            Self::Resource => "resource.",
            Self::Event => "event.",
            Self::Link => "link.",
            Self::Instrumentation => "instrumentation.",
        }
    }
}

/// The intrinsics of contract §5.1 (`parent` excepted, which no plan can read).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Intrinsic {
    /// `name`: [`ValueRef::Str`](crate::ValueRef::Str).
    Name,
    /// `duration`: end minus start, as a duration in nanoseconds.
    Duration,
    /// `status`: a status code.
    Status,
    /// `statusMessage`: a string, empty where there is none.
    StatusMessage,
    /// `kind`: a span kind.
    Kind,
    /// `span:id`: 16 lower-case hexadecimal digits.
    SpanId,
    /// `span:parentID`: 16 lower-case hexadecimal digits, all zero for roots.
    ParentId,
    /// `span:childCount`: number of direct children; missing in traces without a root.
    ChildCount,
    /// `traceDuration`: last end minus first start of the trace, in nanoseconds.
    TraceDuration,
    /// `rootName`: name of the root span, empty without root.
    RootName,
    /// `rootServiceName`: service of the root span, empty without root.
    RootService,
    /// `trace:id`: lower-case hexadecimal digits, with or without leading zeros.
    TraceId,
    /// `event:name`
    EventName,
    /// `event:timeSinceStart`
    EventTimeSinceStart,
    /// `link:traceID`
    LinkTraceId,
    /// `link:spanID`
    LinkSpanId,
    /// `instrumentation:name`: a string, empty where there is none.
    InstrumentationName,
    /// `instrumentation:version`: a string, empty where there is none.
    InstrumentationVersion,
    /// `nestedSetLeft`: an integer; 0 for spans outside a rooted tree (contract §5.4).
    NestedSetLeft,
    /// `nestedSetRight`: an integer; 0 for spans outside a rooted tree.
    NestedSetRight,
    /// `nestedSetParent`: an integer; -1 for roots, 0 for spans outside a rooted tree.
    NestedSetParent,
}

/// An intrinsic's names: itself, canonical text, bare form, and scoped form as `prefix:word`.
type Names = (Intrinsic, &'static str, Option<&'static str>, Option<(&'static str, &'static str)>);

const NAMES: [Names; 21] = [
    (Intrinsic::Name, "name", Some("name"), Some(("span", "name"))),
    (Intrinsic::Duration, "duration", Some("duration"), Some(("span", "duration"))),
    (Intrinsic::Status, "status", Some("status"), Some(("span", "status"))),
    (
        Intrinsic::StatusMessage,
        "statusMessage",
        Some("statusMessage"),
        Some(("span", "statusMessage")),
    ),
    (Intrinsic::Kind, "kind", Some("kind"), Some(("span", "kind"))),
    (Intrinsic::SpanId, "span:id", None, Some(("span", "id"))),
    (Intrinsic::ParentId, "span:parentID", None, Some(("span", "parentID"))),
    (Intrinsic::ChildCount, "span:childCount", None, Some(("span", "childCount"))),
    (Intrinsic::TraceDuration, "traceDuration", Some("traceDuration"), Some(("trace", "duration"))),
    (Intrinsic::RootName, "rootName", Some("rootName"), Some(("trace", "rootName"))),
    (
        Intrinsic::RootService,
        "rootServiceName",
        Some("rootServiceName"),
        Some(("trace", "rootService")),
    ),
    (Intrinsic::TraceId, "trace:id", None, Some(("trace", "id"))),
    (Intrinsic::EventName, "event:name", None, Some(("event", "name"))),
    (
        Intrinsic::EventTimeSinceStart,
        "event:timeSinceStart",
        None,
        Some(("event", "timeSinceStart")),
    ),
    (Intrinsic::LinkTraceId, "link:traceID", None, Some(("link", "traceID"))),
    (Intrinsic::LinkSpanId, "link:spanID", None, Some(("link", "spanID"))),
    (
        Intrinsic::InstrumentationName,
        "instrumentation:name",
        None,
        Some(("instrumentation", "name")),
    ),
    (
        Intrinsic::InstrumentationVersion,
        "instrumentation:version",
        None,
        Some(("instrumentation", "version")),
    ),
    (Intrinsic::NestedSetLeft, "nestedSetLeft", Some("nestedSetLeft"), None),
    (Intrinsic::NestedSetRight, "nestedSetRight", Some("nestedSetRight"), None),
    (Intrinsic::NestedSetParent, "nestedSetParent", Some("nestedSetParent"), None),
];

impl Intrinsic {
    /// Canonical text (contract §7): `name`, `rootServiceName`, `span:parentID` …
    pub fn text(self) -> &'static str {
        NAMES
            .iter()
            .find(|names| names.0 == self)
            .map(|names| names.1)
            .expect("the table names every intrinsic")
    }

    /// The intrinsic of a bare word such as `name`.
    pub fn from_word(word: &str) -> Option<Self> {
        NAMES.iter().find(|names| names.2 == Some(word)).map(|names| names.0)
    }

    /// The intrinsic of a scoped form, such as `span`, `name` for `span:name`.
    pub fn from_scoped(prefix: &str, word: &str) -> Option<Self> {
        NAMES.iter().find(|names| names.3 == Some((prefix, word))).map(|names| names.0)
    }
}

impl fmt::Display for Intrinsic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}
