//! Tempo's HTTP API (contract http-api.md): from a request to the handler of its route, counted
//! and timed.
//!
//! From: `http1`, with requests of the API's listener. To: the modules below, one per concern,
//! which ask [`Node`].

use std::cell::Cell;
use std::rc::Rc;

use bytes::Bytes;
use http::{Method, Request, StatusCode, Uri};
use stringendo_engine::Node;
use stringendo_engine::metrics::families as family;
use stringendo_engine::user_limits::OBJECT_BYTES_MAX;
use stringendo_ring::timeout;

use crate::body::RequestBody;
use crate::http1::{self, Answer, text};
use crate::limits;
use crate::memory::RequestMemory;
use crate::servers::ShutdownRequest;
use crate::settings::{ApiSettings, StatusPages};
use crate::status::Refusal;
use crate::tenant::Tenants;
use failure::Failure;
use format::{ChargedBody, Format};
use params::Params;
use route::{Route, Routes};

mod counted;
mod exposition;
pub mod failure;
mod format;
mod limits_pages;
mod merge;
pub mod metrics;
mod metrics_params;
mod metrics_summary;
mod operations;
mod overrides;
pub mod params;
mod process;
mod route;
pub mod search;
mod search_params;
mod status_pages;
pub mod tags;
mod tags_params;
mod tenant_settings;
mod time_range;
pub mod trace;
mod trace_filter;

/// The API on one core.
pub struct Api {
    node: Node,
    settings: ApiSettings,
    routes: Routes,
    tenants: Tenants,
    pages: Rc<StatusPages>,
    shutdown: ShutdownRequest,
    /// All cores have been ready; what can end that is the stop alone.
    was_ready: Cell<bool>,
}

/// What handlers need to know of a request. Bodies are ignored (contract http-api.md §1), but those
/// of overrides.
struct Call {
    method: Method,
    path: String,
    params: Params,
    headers: http::HeaderMap,
    body: Bytes,
}

impl Api {
    /// Serves `node`.
    pub fn new(
        node: Node,
        settings: ApiSettings,
        pages: Rc<StatusPages>,
        shutdown: ShutdownRequest,
    ) -> Self {
        if settings.outstanding_max > 0 {
            node.limit_outstanding(settings.outstanding_max);
        }
        let routes = Routes::new(&settings.path_prefix, &settings.api_prefix);
        let tenants = Tenants::new(settings.tenant.clone());
        Self { node, settings, routes, tenants, pages, shutdown, was_ready: Cell::new(false) }
    }

    /// The engine.
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// Bytes that a request's body may have; 0 if its route has no use for one.
    pub fn body_bytes_max(&self, method: &Method, path: &str) -> usize {
        let is_change = matches!(*method, Method::POST | Method::PATCH);
        let is_read = is_change && self.routes.find(path) == Route::Overrides;
        if is_read { OBJECT_BYTES_MAX as usize } else { 0 }
    }

    /// Answers one request, and counts it. Its body is read if the route has use for one.
    pub async fn answer_with_body(&self, request: Request<RequestBody>) -> Answer {
        let bytes_max = self.body_bytes_max(request.method(), request.uri().path());
        if bytes_max == 0 {
            return self.answer(request.map(|_| Bytes::new())).await;
        }
        let mut head = Request::new(Bytes::new());
        *head.method_mut() = request.method().clone();
        *head.uri_mut() = request.uri().clone();
        *head.headers_mut() = request.headers().clone();
        // Kept until the request is answered.
        let mut memory = RequestMemory::of_query(&self.node);
        match http1::collect(request, bytes_max, &mut memory, self.node.clock()).await {
            Ok(body) => self.answer(head.map(|_| body)).await,
            Err(refusal) => unread(refusal),
        }
    }

    /// Answers one request, and counts it.
    pub async fn answer(&self, request: Request<Bytes>) -> Answer {
        let begun = self.node.clock().monotonic();
        let (head, body) = request.into_parts();
        let route = self.routes.find(head.uri.path());
        let label = self.routes.label(&route);
        let method = method_label(&head.method);
        let counters = self.node.counters();
        counters.add(&family::INFLIGHT_REQUESTS, &[method, &label], 1.0);
        let in_flight = Counted { api: self, method, label: &label };
        let params = Params::parse(head.uri.query().unwrap_or_default());
        let path = head.uri.path().to_owned();
        let call = Call { method: head.method, path, params, headers: head.headers, body };
        let answer = match self.ensure_allowed(&route, &head.uri) {
            Ok(()) => self.dispatch(&route, &call).await,
            Err(failure) => Err(failure),
        };
        let answer = answer.unwrap_or_else(Failure::into_answer);
        let memory = self.node.shard().answer_memory();
        let answer = format::compressed(answer, &call.headers, memory).await;
        drop(in_flight);
        let took = self.node.clock().monotonic().saturating_sub(begun);
        let status = answer.status();
        let labels = [method, &label, status.as_str(), "false"];
        counters.observe(&family::REQUEST_DURATION, &labels, took.as_secs_f64());
        tracing::debug!(method, uri = %head.uri, %status, ?took, "request answered");
        answer
    }

    fn ensure_allowed(&self, route: &Route, uri: &Uri) -> Result<(), Failure> {
        if route.is_query() && self.settings.denied_urls.is_match(&uri.to_string()) {
            return Err(Failure::bad("the URL is on the deny list"));
        }
        Ok(())
    }

    async fn dispatch(&self, route: &Route, call: &Call) -> Result<Answer, Failure> {
        match route {
            Route::Trace(id) => self.query(self.trace_v1(id, call)).await,
            Route::TraceV2(id) => self.query(self.trace_v2(id, call)).await,
            Route::Search => self.query(self.search(call)).await,
            Route::MetricsRange => self.query(self.metrics_range(call)).await,
            Route::MetricsInstant => self.query(self.metrics_instant(call)).await,
            Route::MetricsSummary => self.query(self.metrics_summary(call)).await,
            Route::TagNames(version) => self.query(self.answer_tag_names(*version, call)).await,
            Route::TagValues(version, tag) => {
                self.query(self.answer_tag_values(*version, tag, call)).await
            }
            Route::Echo => Ok(text(StatusCode::OK, "echo\n")),
            Route::BuildInfo => Ok(self.build_info()),
            Route::Ready => Ok(self.ready().await),
            Route::Metrics => self.metrics().await,
            Route::Status => self.status().await,
            Route::StatusPage(name) => match limits_pages::tenant_of(name) {
                Some(tenant) => self.overrides_page(tenant, call),
                None => self.status_page(name, &call.params).await,
            },
            Route::UsageStats => Ok(text(StatusCode::OK, "usage-stats is not enabled\n")),
            Route::Flush => self.flush(&call.params).await,
            Route::Shutdown => Ok(self.shut_down()),
            Route::Overrides => self.overrides(call).await,
            // Off unless enabled, which cannot be done yet.
            Route::Mcp => Ok(not_found()),
            Route::NotServed(_) => Err(Failure::not_served(&call.path)),
            Route::Unknown => Ok(not_found()),
        }
    }

    /// Runs a query: only when all data is there, and only for so long.
    ///
    /// # Errors
    /// What the query says, or that it cannot be run now, or took too long.
    pub async fn query<T>(
        &self,
        answer: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        if let Some(why) = &self.settings.no_queries {
            return Err(Failure::not_served_here(why));
        }
        self.ensure_ready().await?;
        let limit = self.settings.query_timeout;
        if limit.is_zero() {
            return answer.await;
        }
        timeout(limit, answer).await.unwrap_or_else(|| Err(Failure::timed_out()))
    }
}

/// What queries share: writing their answers.
impl Api {
    /// An answer of a query, whose protobuf has `encoded_len` bytes, with its memory charged until
    /// it was sent.
    fn written(
        &self,
        format: Format,
        encoded_len: usize,
        write: impl FnOnce() -> Vec<u8>,
    ) -> Result<Answer, Failure> {
        let likely = match format {
            Format::Protobuf => encoded_len,
            Format::Json | Format::Llm => encoded_len.saturating_mul(limits::JSON_ANSWER_FACTOR),
        };
        Ok(format.answer(self.charged(likely, write)?))
    }

    /// Bytes to be sent, likely so many, charged until they were.
    ///
    /// # Errors
    /// There is no memory for them.
    pub fn charged(
        &self,
        likely_bytes: usize,
        write: impl FnOnce() -> Vec<u8>,
    ) -> Result<bytes::Bytes, Failure> {
        let memory = self.node.charge_answer(likely_bytes as u64)?;
        Ok(ChargedBody::sent_with(write(), memory)?)
    }
}

/// The answer to a request whose body was not read to its end.
pub fn unread(refusal: Refusal) -> Answer {
    if refusal.reason == http1::too_large().reason {
        return text(StatusCode::PAYLOAD_TOO_LARGE, "request body too large\n");
    }
    Failure::from(refusal).into_answer()
}

fn not_found() -> Answer {
    text(StatusCode::NOT_FOUND, "404 page not found\n")
}

/// Methods as label values; a client cannot make up new ones.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::HEAD => "HEAD",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::PATCH => "PATCH",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// A request that is being answered; also uncounted when its client goes away.
struct Counted<'a> {
    api: &'a Api,
    method: &'static str,
    label: &'a str,
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        let labels = [self.method, self.label];
        self.api.node.counters().add(&family::INFLIGHT_REQUESTS, &labels, -1.0);
    }
}
