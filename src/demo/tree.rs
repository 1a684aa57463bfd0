//! Renders the JSON of a trace (contract http-api.md §3) as a tree of spans.

use std::collections::HashMap;
use std::fmt::Write;

use serde_json::Value;

/// Width of the column of names.
const NAME_WIDTH: usize = 64;
/// Width of the bar that shows when a span ran.
const BAR_WIDTH: usize = 24;

struct Span<'a> {
    service: &'a str,
    name: &'a str,
    id: &'a str,
    parent: &'a str,
    start_ns: u64,
    end_ns: u64,
    failed: bool,
    events: usize,
}

/// The tree; roots and children by start time. Spans whose parent is missing are roots.
pub fn render(answer: &Value) -> String {
    let mut spans = spans(answer);
    spans.sort_by_key(|span| (span.start_ns, span.id));
    let start_ns = spans.iter().map(|span| span.start_ns).min().unwrap_or(0);
    let end_ns = spans.iter().map(|span| span.end_ns).max().unwrap_or(0);
    let known: HashMap<&str, usize> =
        spans.iter().enumerate().map(|(at, span)| (span.id, at)).collect();
    let mut children: HashMap<Option<usize>, Vec<usize>> = HashMap::new();
    for (at, span) in spans.iter().enumerate() {
        let parent = known.get(span.parent).copied().filter(|parent| *parent != at);
        children.entry(parent).or_default().push(at);
    }
    let mut drawing = Drawing { spans: &spans, children, start_ns, end_ns, text: String::new() };
    drawing.draw_below(None, "");
    drawing.text
}

struct Drawing<'a> {
    spans: &'a [Span<'a>],
    children: HashMap<Option<usize>, Vec<usize>>,
    start_ns: u64,
    end_ns: u64,
    text: String,
}

impl Drawing<'_> {
    /// Takes each list of children once, so that a cycle of parents ends.
    fn draw_below(&mut self, parent: Option<usize>, indent: &str) {
        let children = self.children.remove(&parent).unwrap_or_default();
        let last = children.len().saturating_sub(1);
        for (nth, at) in children.into_iter().enumerate() {
            let (branch, below) = match (parent, nth == last) {
                (None, _) => ("", ""),
                (_, true) => ("└─ ", "   "),
                (_, false) => ("├─ ", "│  "),
            };
            self.draw(at, &format!("{indent}{branch}"));
            self.draw_below(Some(at), &format!("{indent}{below}"));
        }
    }

    fn draw(&mut self, at: usize, indent: &str) {
        let span = &self.spans[at];
        let name = format!("{indent}{}: {}", span.service, span.name);
        let took_ms = span.end_ns.saturating_sub(span.start_ns) as f64 / 1e6;
        let bar = self.bar(span);
        let failed = if span.failed { "  ERROR" } else { "" };
        let events = match span.events {
            0 => String::new(),
            1 => "  1 event".to_owned(),
            count => format!("  {count} events"),
        };
        let line = format!("  {name:<NAME_WIDTH$} {took_ms:>9.2} ms  |{bar}|{failed}{events}");
        let _infallible = writeln!(self.text, "{line}");
    }

    fn bar(&self, span: &Span<'_>) -> String {
        let whole = self.end_ns.saturating_sub(self.start_ns).max(1) as f64;
        let column = |at_ns: u64| {
            let share = at_ns.saturating_sub(self.start_ns) as f64 / whole;
            ((share * BAR_WIDTH as f64) as usize).min(BAR_WIDTH)
        };
        let from = column(span.start_ns).min(BAR_WIDTH - 1);
        let to = column(span.end_ns).max(from + 1);
        let cell = |at| if (from..to).contains(&at) { '█' } else { ' ' };
        (0..BAR_WIDTH).map(cell).collect()
    }
}

fn spans(answer: &Value) -> Vec<Span<'_>> {
    let mut spans = Vec::new();
    for batch in items(&answer["trace"]["resourceSpans"]) {
        let service = service_name(&batch["resource"]);
        for scope in items(&batch["scopeSpans"]) {
            spans.extend(items(&scope["spans"]).iter().map(|span| read(span, service)));
        }
    }
    spans
}

fn read<'a>(span: &'a Value, service: &'a str) -> Span<'a> {
    Span {
        service,
        name: span["name"].as_str().unwrap_or("-"),
        id: span["spanId"].as_str().unwrap_or(""),
        parent: span["parentSpanId"].as_str().unwrap_or(""),
        start_ns: nanos(&span["startTimeUnixNano"]),
        end_ns: nanos(&span["endTimeUnixNano"]),
        failed: span["status"]["code"] == "STATUS_CODE_ERROR",
        events: items(&span["events"]).len(),
    }
}

fn service_name(resource: &Value) -> &str {
    let attributes = items(&resource["attributes"]);
    let found = attributes.iter().find(|attribute| attribute["key"] == "service.name");
    found.and_then(|attribute| attribute["value"]["stringValue"].as_str()).unwrap_or("-")
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// 64-bit numbers are strings in this JSON.
fn nanos(value: &Value) -> u64 {
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
#[path = "tree_tests.rs"]
mod tests;
