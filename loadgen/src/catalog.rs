//! The shop that the workload pretends to be: services, where they run, and what each operation
//! calls. A table, from which [`crate::workload`] draws traces.
//!
//! Does not know spans or randomness.

/// One service of the shop.
#[derive(Clone, Copy, Debug)]
pub struct Service {
    /// `service.name`.
    pub name: &'static str,
    /// `telemetry.sdk.language`.
    pub language: &'static str,
    /// `service.version`.
    pub version: &'static str,
    /// Instrumentation scope of its spans.
    pub scope: &'static str,
    /// `service.namespace`.
    pub namespace: &'static str,
}

/// How an operation is entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// An HTTP server span.
    Http,
    /// An RPC server span.
    Grpc,
    /// A consumer span.
    Queue,
}

/// One thing that an operation does, with the chance in percent that it does it, and at most how
/// often.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// What is done.
    pub action: Action,
    /// Chance of each repetition, in percent.
    pub percent: u64,
    /// Tries.
    pub times: u64,
}

/// What a step does.
#[derive(Clone, Copy, Debug)]
pub enum Action {
    /// Calls an operation (its index in [`OPERATIONS`]): a client span here, a server span there.
    Call(usize),
    /// Sends a message that this operation consumes: producer and consumer spans.
    Publish(usize),
    /// A query: system, operation, table.
    Db(&'static str, &'static str, &'static str),
    /// A cache access: operation.
    Cache(&'static str),
    /// A call to somebody else's HTTP service: host.
    External(&'static str),
    /// Work inside the service: name.
    Internal(&'static str),
}

/// An operation of a service.
#[derive(Clone, Copy, Debug)]
pub struct Operation {
    /// Index in [`SERVICES`].
    pub service: usize,
    /// Route or RPC method.
    pub name: &'static str,
    /// How it is entered.
    pub entry: Entry,
    /// What it does, in order.
    pub steps: &'static [Step],
}

const fn service(name: &'static str, language: &'static str, scope: &'static str) -> Service {
    Service { name, language, version: "2.3.1", scope, namespace: "shop" }
}

/// All services.
pub const SERVICES: [Service; 18] = [
    service("gateway", "cpp", "envoy"),
    service("frontend", "nodejs", "@opentelemetry/instrumentation-http"),
    service("auth", "go", "otelgrpc"),
    service("product-catalog", "go", "otelgrpc"),
    service("search", "java", "io.opentelemetry.spring-webmvc-6.0"),
    service("cart", "dotnet", "OpenTelemetry.Instrumentation.AspNetCore"),
    service("checkout", "go", "otelgrpc"),
    service("payment", "nodejs", "@opentelemetry/instrumentation-grpc"),
    service("currency", "cpp", "currency"),
    service("shipping", "rust", "shipping"),
    service("quote", "php", "io.opentelemetry.contrib.php.slim"),
    service("email", "ruby", "OpenTelemetry::Instrumentation::Sinatra"),
    service("recommendation", "python", "opentelemetry.instrumentation.grpc"),
    service("ad", "java", "io.opentelemetry.grpc-1.6"),
    service("inventory", "java", "io.opentelemetry.jdbc"),
    service("accounting", "dotnet", "Confluent.Kafka.Extensions.Diagnostics"),
    service("fraud-detection", "java", "io.opentelemetry.kafka-clients-2.6"),
    service("order-history", "python", "opentelemetry.instrumentation.asgi"),
];

const fn step(action: Action, percent: u64, times: u64) -> Step {
    Step { action, percent, times }
}

const fn op(service: usize, entry: Entry, name: &'static str, steps: &'static [Step]) -> Operation {
    Operation { service, name, entry, steps }
}

use Action::{Cache, Call, Db, External, Internal, Publish};
use Entry::{Grpc, Http, Queue};

/// Operations at which traces begin, as indices in [`OPERATIONS`] with weights.
pub const ROOTS: [(usize, u64); 7] = [(0, 30), (1, 25), (2, 15), (3, 12), (4, 6), (5, 8), (6, 4)];

/// All operations. The first seven are the gateway's; the graph of calls has no cycle.
pub const OPERATIONS: [Operation; 29] = [
    op(0, Http, "GET /", &[step(Call(7), 100, 1)]),
    op(0, Http, "GET /product/{id}", &[step(Call(22), 40, 1), step(Call(8), 100, 1)]),
    op(0, Http, "GET /search", &[step(Call(22), 40, 1), step(Call(9), 100, 1)]),
    op(0, Http, "POST /cart", &[step(Call(22), 90, 1), step(Call(10), 100, 1)]),
    op(0, Http, "POST /checkout", &[step(Call(22), 100, 1), step(Call(11), 100, 1)]),
    op(0, Http, "GET /orders/{id}", &[step(Call(22), 100, 1), step(Call(12), 100, 1)]),
    op(0, Http, "POST /login", &[step(Call(23), 100, 1)]),
    op(
        1,
        Http,
        "GET /api/home",
        &[
            step(Call(13), 100, 1),
            step(Call(20), 70, 1),
            step(Call(21), 80, 1),
            step(Internal("render home"), 100, 1),
        ],
    ),
    op(
        1,
        Http,
        "GET /api/products/{id}",
        &[
            step(Call(14), 100, 1),
            step(Call(16), 60, 1),
            step(Call(20), 80, 1),
            step(Call(21), 60, 1),
            step(Call(19), 50, 1),
            step(Internal("render product"), 100, 1),
        ],
    ),
    op(
        4,
        Http,
        "GET /api/search",
        &[
            step(Internal("parse query"), 100, 1),
            step(Cache("GET"), 100, 1),
            step(Db("elasticsearch", "SEARCH", "products"), 80, 2),
            step(Call(14), 70, 4),
            step(Internal("rank results"), 100, 1),
        ],
    ),
    op(
        5,
        Http,
        "POST /api/cart",
        &[
            step(Call(14), 100, 1),
            step(Cache("HGETALL"), 100, 1),
            step(Cache("HSET"), 100, 2),
            step(Call(16), 60, 1),
        ],
    ),
    op(
        6,
        Http,
        "POST /api/checkout",
        &[
            step(Internal("prepare order"), 100, 1),
            step(Call(15), 100, 1),
            step(Call(14), 80, 4),
            step(Call(16), 80, 3),
            step(Call(17), 100, 1),
            step(Call(18), 100, 1),
            step(Call(19), 90, 3),
            step(Db("postgresql", "INSERT", "orders"), 100, 2),
            step(Publish(25), 100, 1),
            step(Publish(26), 100, 1),
            step(Call(24), 100, 1),
        ],
    ),
    op(
        17,
        Http,
        "GET /api/orders/{id}",
        &[
            step(Db("postgresql", "SELECT", "orders"), 100, 2),
            step(Call(14), 60, 4),
            step(Call(28), 60, 1),
        ],
    ),
    op(
        3,
        Grpc,
        "ListProducts",
        &[step(Cache("MGET"), 100, 1), step(Db("postgresql", "SELECT", "products"), 60, 3)],
    ),
    op(
        3,
        Grpc,
        "GetProduct",
        &[step(Cache("GET"), 90, 1), step(Db("postgresql", "SELECT", "products"), 50, 1)],
    ),
    op(5, Grpc, "GetCart", &[step(Cache("HGETALL"), 100, 1)]),
    op(8, Grpc, "Convert", &[step(Internal("load rates"), 15, 1)]),
    op(
        7,
        Grpc,
        "Charge",
        &[
            step(Internal("validate card"), 100, 1),
            step(External("api.cards.example.com"), 100, 1),
            step(Db("mysql", "INSERT", "charges"), 100, 1),
        ],
    ),
    op(
        9,
        Grpc,
        "ShipOrder",
        &[step(Call(27), 100, 1), step(External("rates.carrier.example.com"), 60, 1)],
    ),
    op(14, Grpc, "CheckStock", &[step(Db("postgresql", "SELECT", "stock"), 90, 1)]),
    op(
        12,
        Grpc,
        "ListRecommendations",
        &[
            step(Cache("ZRANGE"), 100, 1),
            step(Internal("score candidates"), 80, 1),
            step(Call(13), 50, 1),
        ],
    ),
    op(13, Grpc, "GetAds", &[step(Db("mongodb", "find", "ads"), 80, 1)]),
    op(2, Grpc, "CheckToken", &[step(Cache("GET"), 80, 1)]),
    op(
        2,
        Grpc,
        "Login",
        &[
            step(Db("postgresql", "SELECT", "users"), 100, 1),
            step(Internal("verify password"), 100, 1),
            step(Cache("SETEX"), 100, 1),
        ],
    ),
    op(
        11,
        Http,
        "POST /send_order_confirmation",
        &[step(Internal("render mail"), 100, 1), step(External("smtp.example.com"), 100, 1)],
    ),
    op(
        15,
        Queue,
        "orders",
        &[step(Db("mssql", "INSERT", "ledger"), 100, 1), step(Internal("book order"), 50, 1)],
    ),
    op(16, Queue, "orders", &[step(Internal("score order"), 100, 1), step(Cache("INCR"), 70, 1)]),
    op(10, Http, "POST /quote", &[step(Internal("calculate quote"), 100, 1)]),
    op(9, Grpc, "TrackShipment", &[step(External("track.carrier.example.com"), 90, 1)]),
];
