//! Attributes of resources, spans and events: what realistic instrumentation sets, in all types.
//!
//! Values that differ with every send are written as placeholders ([`HEX_PER_TRACE`],
//! [`HEX_PER_SPAN`]), which [`crate::scan`] finds and [`crate::patch`] fills.

use bytes::Bytes;
use stringendo_proto::otlp::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList, Resource, Value,
};

use crate::catalog::{SERVICES, Service};
use crate::rng::Rng;

/// Stands for sixteen hex digits that are the same in the whole trace.
pub const HEX_PER_TRACE: &str = "~~~~~~~~~~~~~~~T";
/// Stands for sixteen hex digits that differ in every span.
pub const HEX_PER_SPAN: &str = "~~~~~~~~~~~~~~~S";

/// A list of attributes in the making.
#[derive(Debug, Default)]
pub struct Attributes(pub Vec<KeyValue>);

impl Attributes {
    fn push(&mut self, key: &'static str, value: Value) -> &mut Self {
        let value = Some(AnyValue { value: Some(value) });
        self.0.push(KeyValue { key: Bytes::from_static(key.as_bytes()), value });
        self
    }

    /// Adds a string.
    pub fn text(&mut self, key: &'static str, value: impl Into<String>) -> &mut Self {
        self.push(key, text(value))
    }

    /// Adds an integer.
    pub fn int(&mut self, key: &'static str, value: u64) -> &mut Self {
        self.push(key, Value::Int(value as i64))
    }

    /// Adds a double.
    pub fn double(&mut self, key: &'static str, value: f64) -> &mut Self {
        self.push(key, Value::Double(value))
    }

    /// Adds a truth value.
    pub fn flag(&mut self, key: &'static str, value: bool) -> &mut Self {
        self.push(key, Value::Bool(value))
    }

    /// Adds a list of strings.
    pub fn texts(&mut self, key: &'static str, values: &[String]) -> &mut Self {
        let any = |value: &String| AnyValue { value: Some(text(value)) };
        self.push(key, Value::Array(ArrayValue { values: values.iter().map(any).collect() }))
    }

    /// Adds opaque bytes.
    pub fn bytes(&mut self, key: &'static str, value: Vec<u8>) -> &mut Self {
        self.push(key, Value::Bytes(value.into()))
    }

    /// Adds a map with one integer and one string entry.
    pub fn map(&mut self, key: &'static str, size: u64, unit: &'static str) -> &mut Self {
        let mut inner = Attributes::default();
        inner.int("size", size).text("unit", unit);
        self.push(key, Value::Kvlist(KeyValueList { values: inner.0 }))
    }
}

fn text(value: impl Into<String>) -> Value {
    Value::String(value.into().into())
}

/// How many pods each service has.
pub const INSTANCES: usize = 2;

/// The resource of one pod of a service: about 20 attributes.
pub fn resource(service: usize, instance: usize) -> Resource {
    let Service { name, language, version, namespace, .. } = SERVICES[service];
    let mut rng = Rng::new((service * 64 + instance) as u64);
    let pod = format!("{name}-{:08x}-{:05x}", rng.bits() as u32, rng.below(1 << 20));
    let node = rng.below(12);
    let zone = ["eu-central-1a", "eu-central-1b", "eu-central-1c"][node as usize % 3];
    let mut list = Attributes::default();
    list.text("service.name", name)
        .text("service.namespace", namespace)
        .text("service.version", version)
        .text("service.instance.id", format!("{:016x}{:016x}", rng.bits(), rng.bits()))
        .text("deployment.environment", "production")
        .text("telemetry.sdk.name", "opentelemetry")
        .text("telemetry.sdk.language", language)
        .text("telemetry.sdk.version", "1.38.0")
        .text("k8s.cluster.name", "shop-eu-1")
        .text("k8s.namespace.name", namespace)
        .text("k8s.deployment.name", name)
        .text("k8s.pod.name", pod.clone())
        .text("k8s.container.name", name)
        .int("k8s.container.restart_count", rng.below(3))
        .text("k8s.node.name", format!("ip-10-0-{node}-17.eu-central-1.compute.internal"))
        .text("host.name", pod)
        .text("host.arch", "amd64")
        .text("cloud.provider", "aws")
        .text("cloud.region", "eu-central-1")
        .text("cloud.availability_zone", zone)
        .int("process.pid", rng.between(1, 64));
    Resource { attributes: list.0, dropped_attributes_count: 0 }
}

/// The instrumentation scope of a service's spans; databases have a second one.
pub fn scope(service: usize, database: bool) -> InstrumentationScope {
    let name = if database { "db-client" } else { SERVICES[service].scope };
    InstrumentationScope {
        name: Bytes::from_static(name.as_bytes()),
        version: Bytes::from_static(if database { b"0.9.0" } else { b"1.21.0" }),
        ..Default::default()
    }
}

/// What every span carries: which thread and build it ran in, which user it served.
pub fn common(list: &mut Attributes, rng: &mut Rng) {
    list.int("thread.id", rng.between(1, 48))
        .text("thread.name", format!("w-{}", rng.between(1, 16)))
        .flag("canary", rng.percent(5))
        .int("queue.ms", rng.below(40))
        .double("cpu.ms", rng.below(8_000) as f64 / 1000.0)
        .int("shard", rng.below(32));
    if rng.percent(10) {
        list.texts("flags", &[format!("exp-{}", rng.below(20)), "dark-mode".to_owned()]);
    }
    match rng.below(400) {
        0 => drop(list.bytes("digest", rng.bits().to_be_bytes().to_vec())),
        1 => drop(list.map("payload", rng.below(4096), "bytes")),
        _ => {}
    }
}

/// An HTTP server span; `edge` where the request enters the shop.
pub fn http_server(list: &mut Attributes, rng: &mut Rng, name: &str, status: u64, edge: bool) {
    let (method, route) = name.split_once(' ').unwrap_or(("GET", name));
    list.text("http.method", method)
        .text("http.route", route)
        .int("http.status_code", status)
        .text("http.scheme", "https")
        .text("http.flavor", "1.1")
        .int("http.response_size", rng.between(120, 60_000))
        .text("net.peer.ip", ip(rng))
        .int("net.peer.port", rng.between(1024, 65_535));
    if edge {
        list.text("http.target", format!("{}?ref={HEX_PER_SPAN}", route.replace("{id}", "item")))
            .text("session.id", HEX_PER_TRACE)
            .text("user.id", format!("u-{}", rng.between(100_000, 999_999)))
            .text("user_agent", *rng.pick(&AGENTS));
    }
}

/// An HTTP client span towards `host`.
pub fn http_client(list: &mut Attributes, rng: &mut Rng, name: &str, host: &str, status: u64) {
    let (method, path) = name.split_once(' ').unwrap_or(("POST", "/v2/submit"));
    list.text("http.method", method)
        .text("http.url", format!("http://{host}{path}?rid={HEX_PER_SPAN}"))
        .int("http.status_code", status)
        .text("net.peer.name", host)
        .int("net.peer.port", 8080)
        .int("http.request_size", rng.between(20, 4_000))
        .int("http.resend_count", rng.below(2));
}

/// An RPC span, either side.
pub fn rpc(list: &mut Attributes, rng: &mut Rng, service: &str, method: &str, code: u64) {
    list.text("rpc.system", "grpc")
        .text("rpc.service", format!("shop.{service}.v1"))
        .text("rpc.method", method)
        .int("rpc.grpc.status_code", code)
        .text("net.peer.name", service)
        .flag("net.tls", true)
        .int("message.size", rng.between(16, 9_000))
        .flag("rpc.streaming", false);
}

/// A database client span.
pub fn database(list: &mut Attributes, rng: &mut Rng, system: &str, verb: &str, table: &str) {
    list.text("db.system", system)
        .text("db.name", "shop")
        .text("db.operation", verb)
        .text("db.sql.table", table)
        .text("db.statement", format!("{verb} * FROM {table} WHERE id=?"))
        .text("net.peer.name", format!("{system}-{}.db", rng.below(3)))
        .int("db.rows", rng.below(200))
        .double("db.pool.wait_ms", rng.unit());
}

/// A cache client span.
pub fn cache(list: &mut Attributes, rng: &mut Rng, verb: &str) {
    list.text("db.system", "redis")
        .text("db.operation", verb)
        .text("db.statement", format!("{verb} shop:{HEX_PER_SPAN}"))
        .int("db.redis.database_index", rng.below(4))
        .text("net.peer.name", format!("redis-{}.cache", rng.below(6)))
        .int("net.peer.port", 6379)
        .flag("cache.hit", rng.percent(80))
        .int("cache.ttl_s", rng.pick(&[30, 60, 300, 3600]).to_owned());
}

/// A span that sends or receives a message.
pub fn messaging(list: &mut Attributes, rng: &mut Rng, topic: &str, operation: &'static str) {
    list.text("messaging.system", "kafka")
        .text("messaging.destination", topic)
        .text("messaging.operation", operation)
        .text("messaging.message_id", HEX_PER_TRACE)
        .int("messaging.kafka.partition", rng.below(24))
        .int("messaging.kafka.offset", rng.below(1 << 30))
        .text("net.peer.name", format!("kafka-{}.queue", rng.below(3)))
        .flag("messaging.temporary", false);
}

/// Work inside a service.
pub fn internal(list: &mut Attributes, rng: &mut Rng, name: &str) {
    list.text("code.function", name.replace(' ', "_"))
        .text("code.namespace", "shop.core")
        .int("code.lineno", rng.between(10, 900))
        .int("items", rng.below(60))
        .double("score", rng.unit())
        .flag("cached", rng.percent(30))
        .text("currency", *rng.pick(&["EUR", "USD", "GBP", "JPY"]))
        .text("tier", *rng.pick(&["free", "silver", "gold"]));
}

/// The exception event's attributes; `at` names the frame that threw.
pub fn exception(rng: &mut Rng, at: &str) -> Vec<KeyValue> {
    let (kind, message) = rng.pick(&EXCEPTIONS);
    let frames = format!("at {at} (worker:{})\n  at dispatch (core:118)", rng.between(10, 900));
    let mut list = Attributes::default();
    list.text("exception.type", *kind)
        .text("exception.message", *message)
        .text("exception.stacktrace", format!("{kind}: {message}\n  {frames}"))
        .flag("exception.escaped", false);
    list.0
}

fn ip(rng: &mut Rng) -> String {
    format!("10.{}.{}.{}", rng.below(4), rng.below(256), rng.between(1, 254))
}

const AGENTS: [&str; 4] = [
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) Version/18.5 Safari/604.1",
    "shop-app/7.4 (Android 16)",
    "curl/8.14.1",
];

const EXCEPTIONS: [(&str, &str); 4] = [
    ("TimeoutError", "deadline of 200 ms exceeded"),
    ("ConnectionRefused", "connect to upstream refused"),
    ("java.lang.IllegalStateException", "stock changed while reserving"),
    ("ValueError", "card token has expired"),
];
