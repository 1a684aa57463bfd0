//! Draws traces from the [`crate::catalog`]: a tree of calls with times, kinds, errors, events and
//! links, as OTLP spans whose ids and times are placeholders.
//!
//! Placeholders (read back by [`crate::scan`]): a trace id is its slot plus one, a span id is
//! (slot plus one, index plus one), a time is [`TIME_ORIGIN_NS`] plus the offset. Offsets are
//! negative: a trace has ended when it is sent.
//!
//! Does not know batches, nor when or where anything is sent.

use bytes::Bytes;
use stringendo_proto::otlp::{Event, Link, Span, Status};

use crate::attributes::{self as attr, Attributes, INSTANCES};
use crate::catalog::{Action, Entry, OPERATIONS, ROOTS, SERVICES, Step};
use crate::rng::Rng;

/// Placeholder of "when the batch is sent".
pub const TIME_ORIGIN_NS: u64 = 1 << 60;
/// Traces of a group begin within this time before sending.
pub const WINDOW_NS: u64 = 950_000_000;
/// Fewest spans of a trace.
pub const SPANS_MIN: usize = 5;
/// Most spans of a trace.
pub const SPANS_MAX: usize = 60;

const INTERNAL: i32 = 1;
const SERVER: i32 = 2;
const CLIENT: i32 = 3;
const PRODUCER: i32 = 4;
const CONSUMER: i32 = 5;

/// A span and where it comes from.
#[derive(Clone, Debug)]
pub struct ModelSpan {
    /// Index in [`SERVICES`].
    pub service: usize,
    /// Which pod of the service.
    pub instance: usize,
    /// Whether the database client's scope made it.
    pub database: bool,
    /// The span, with placeholders for ids and times.
    pub span: Span,
}

/// Draws the trace of this `slot`, with 5 to 60 spans, root first.
pub fn draw_trace(rng: &mut Rng, slot: u32) -> Vec<ModelSpan> {
    let (root, _) = *pick_root(rng);
    let mut draft = Draft { rng, slot, spans: Vec::with_capacity(32), clock_ns: 0 };
    draft.operation(root, None, true);
    draft.pad();
    draft.place_in_window();
    draft.spans
}

fn pick_root(rng: &mut Rng) -> &'static (usize, u64) {
    let total: u64 = ROOTS.iter().map(|(_, weight)| weight).sum();
    let mut left = rng.below(total);
    let found = ROOTS.iter().find(|(_, weight)| {
        let hit = left < *weight;
        left = left.saturating_sub(*weight);
        hit
    });
    found.unwrap_or(&ROOTS[0])
}

/// The placeholder of a trace id.
pub fn trace_placeholder(slot: u32) -> Bytes {
    (u128::from(slot) + 1).to_be_bytes().to_vec().into()
}

/// The placeholder of a span id.
pub fn span_placeholder(slot: u32, index: u32) -> Bytes {
    let word = (u64::from(slot) + 1) << 32 | u64::from(index + 1);
    word.to_be_bytes().to_vec().into()
}

/// What a new span is.
struct Begin<'a> {
    service: usize,
    database: bool,
    kind: i32,
    name: &'a str,
    parent: Option<usize>,
}

/// A trace in the making; times count from its start.
struct Draft<'a> {
    rng: &'a mut Rng,
    slot: u32,
    spans: Vec<ModelSpan>,
    clock_ns: u64,
}

impl Draft<'_> {
    /// Adds a span that begins now, and returns its index.
    fn begin(&mut self, begin: &Begin) -> usize {
        let index = self.spans.len();
        let parent = begin.parent.map(|at| span_placeholder(self.slot, at as u32));
        let span = Span {
            trace_id: trace_placeholder(self.slot),
            span_id: span_placeholder(self.slot, index as u32),
            parent_span_id: parent.unwrap_or_default(),
            name: begin.name.to_owned().into(),
            kind: begin.kind,
            flags: 0x101,
            start_time_unix_nano: self.clock_ns,
            ..Default::default()
        };
        let instance = self.rng.below(INSTANCES as u64) as usize;
        let same = begin.parent.map(|at| &self.spans[at]).filter(|p| p.service == begin.service);
        let instance = same.map_or(instance, |parent| parent.instance);
        let (service, database) = (begin.service, begin.database);
        self.spans.push(ModelSpan { service, instance, database, span });
        self.clock_ns += self.rng.between(20_000, 400_000);
        index
    }

    /// Ends a span now, with its attributes, and sometimes with an error or an event.
    fn end(&mut self, index: usize, mut list: Attributes) {
        self.clock_ns += self.rng.between(30_000, 900_000);
        attr::common(&mut list, self.rng);
        self.spans[index].span.end_time_unix_nano = self.clock_ns;
        self.spans[index].span.attributes = list.0;
        if self.fails(index) {
            self.fail(index);
        } else if self.rng.percent(12) {
            self.note(index);
        } else if self.spans[index].span.kind == SERVER && self.rng.percent(5) {
            self.spans[index].span.status = Some(Status { code: 1, message: Bytes::new() });
        }
    }

    /// A span fails by itself now and then, and often when a direct child has failed.
    fn fails(&mut self, index: usize) -> bool {
        let id = self.spans[index].span.span_id.clone();
        let child_failed =
            self.spans[index..].iter().any(|s| s.span.parent_span_id == id && is_error(&s.span));
        let own = self.rng.below(1000) < 12;
        own || child_failed && self.rng.percent(45)
    }

    fn fail(&mut self, index: usize) {
        let span = &mut self.spans[index].span;
        let name = String::from_utf8_lossy(&span.name).into_owned();
        let message = format!("{name} failed: upstream answered with an error");
        span.status = Some(Status { code: 2, message: message.into() });
        span.events.push(Event {
            time_unix_nano: span.end_time_unix_nano - 10_000,
            name: Bytes::from_static(b"exception"),
            attributes: attr::exception(self.rng, &name),
            dropped_attributes_count: 0,
        });
    }

    fn note(&mut self, index: usize) {
        let mut list = Attributes::default();
        list.int("attempt", self.rng.between(1, 3)).text("level", "info");
        let span = &mut self.spans[index].span;
        span.events.push(Event {
            time_unix_nano: span.start_time_unix_nano + 10_000,
            name: Bytes::from_static(b"lock acquired"),
            attributes: list.0,
            dropped_attributes_count: 0,
        });
    }

    /// The server (or consumer) span of an operation and all that it calls.
    fn operation(&mut self, which: usize, parent: Option<usize>, edge: bool) -> usize {
        let operation = &OPERATIONS[which];
        let service = operation.service;
        let kind = if operation.entry == Entry::Queue { CONSUMER } else { SERVER };
        let name = operation.name;
        let index = self.begin(&Begin { service, database: false, kind, name, parent });
        for step in operation.steps {
            self.step(step, service, index);
        }
        let mut list = Attributes::default();
        match operation.entry {
            Entry::Http => {
                let status = if self.rng.percent(97) { 200 } else { 404 };
                attr::http_server(&mut list, self.rng, name, status, edge);
            }
            Entry::Grpc => attr::rpc(&mut list, self.rng, SERVICES[service].name, name, 0),
            Entry::Queue => attr::messaging(&mut list, self.rng, name, "process"),
        }
        self.end(index, list);
        index
    }

    fn step(&mut self, step: &Step, service: usize, parent: usize) {
        for _ in 0..step.times {
            // A call takes two spans and may go deep; stop early enough that every trace fits.
            if self.spans.len() + 2 <= SPANS_MAX && self.rng.percent(step.percent) {
                self.act(&step.action, service, parent);
            }
        }
    }

    fn act(&mut self, action: &Action, service: usize, parent: usize) {
        match *action {
            Action::Call(callee) => self.call(callee, service, parent),
            Action::Publish(consumer) => self.publish(consumer, service, parent),
            Action::Db(system, verb, table) => {
                let name = format!("{verb} shop.{table}");
                self.leaf((service, true, CLIENT), &name, parent, |list, rng| {
                    attr::database(list, rng, system, verb, table);
                });
            }
            Action::Cache(verb) => self.leaf((service, true, CLIENT), verb, parent, |list, rng| {
                attr::cache(list, rng, verb);
            }),
            Action::External(host) => {
                self.leaf((service, false, CLIENT), "HTTP POST", parent, |list, rng| {
                    attr::http_client(list, rng, "POST /v2/submit", host, 200);
                });
            }
            Action::Internal(name) => {
                self.leaf((service, false, INTERNAL), name, parent, |list, rng| {
                    attr::internal(list, rng, name);
                });
            }
        }
    }

    fn leaf(
        &mut self,
        (service, database, kind): (usize, bool, i32),
        name: &str,
        parent: usize,
        fill: impl FnOnce(&mut Attributes, &mut Rng),
    ) {
        let parent = Some(parent);
        let index = self.begin(&Begin { service, database, kind, name, parent });
        let mut list = Attributes::default();
        fill(&mut list, self.rng);
        self.end(index, list);
    }

    /// A client span here and the server's spans below it.
    fn call(&mut self, callee: usize, service: usize, parent: usize) {
        let operation = &OPERATIONS[callee];
        let (name, peer) = (operation.name, SERVICES[operation.service].name);
        let parent = Some(parent);
        let index = self.begin(&Begin { service, database: false, kind: CLIENT, name, parent });
        self.operation(callee, Some(index), false);
        let mut list = Attributes::default();
        if operation.entry == Entry::Grpc {
            attr::rpc(&mut list, self.rng, peer, name, 0);
        } else {
            attr::http_client(&mut list, self.rng, name, peer, 200);
        }
        self.end(index, list);
    }

    /// A producer span here, and a consumer elsewhere that is its child and links to it and, as
    /// consumers of batches do, to a message of another trace.
    fn publish(&mut self, consumer: usize, service: usize, parent: usize) {
        let name = OPERATIONS[consumer].name;
        let parent = Some(parent);
        let index = self.begin(&Begin { service, database: false, kind: PRODUCER, name, parent });
        let mut list = Attributes::default();
        attr::messaging(&mut list, self.rng, name, "publish");
        self.end(index, list);
        let consumer = self.operation(consumer, Some(index), false);
        let own = self.link(self.slot, index as u32);
        self.spans[consumer].span.links.push(own);
        if self.slot > 0 {
            let other = self.link(self.slot - 1, 0);
            self.spans[consumer].span.links.push(other);
        }
    }

    fn link(&mut self, slot: u32, index: u32) -> Link {
        let mut list = Attributes::default();
        list.text("messaging.batch", "poll").int("position", self.rng.below(50));
        Link {
            trace_id: trace_placeholder(slot),
            span_id: span_placeholder(slot, index),
            attributes: list.0,
            ..Default::default()
        }
    }

    /// Brings short traces up to the least number of spans.
    fn pad(&mut self) {
        while self.spans.len() < SPANS_MIN {
            let service = self.spans[0].service;
            self.leaf((service, false, INTERNAL), "access log", 0, |list, rng| {
                attr::internal(list, rng, "access log");
            });
        }
        self.spans[0].span.end_time_unix_nano = self.clock_ns;
    }

    /// Moves the trace to a random place before the time of sending.
    fn place_in_window(&mut self) {
        let room = WINDOW_NS.saturating_sub(self.clock_ns);
        let before_ns = self.clock_ns + self.rng.below(room);
        let origin = TIME_ORIGIN_NS - before_ns;
        for model in &mut self.spans {
            let span = &mut model.span;
            span.start_time_unix_nano += origin;
            span.end_time_unix_nano += origin;
            for event in &mut span.events {
                event.time_unix_nano += origin;
            }
        }
    }
}

/// Whether the span's status is an error.
pub fn is_error(span: &Span) -> bool {
    span.status.as_ref().is_some_and(|status| status.code == 2)
}

#[cfg(test)]
#[path = "workload_tests.rs"]
mod tests;
