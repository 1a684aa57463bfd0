//! The query API over gRPC (contract http-api.md §12.1): `tempopb.StreamingQuerier`, which Grafana
//! uses, `tempopb.Querier/FindTraceByID`, and health checks.
//!
//! From: `grpc`, with requests of the gRPC listener, and of the HTTP listener where that serves
//! gRPC, too. To: the same handlers of [`Api`] that answer over HTTP, by the same parameters, so a
//! stream adds up to the answer over HTTP. While a query runs, [`watched`] shows what it has found.
//! A client that cancels drops the query's future, and with it every part of it.

use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{Either, select};
use h2::RecvStream;
use h2::server::SendResponse;
use http::request::Parts;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use prost::Message;
use stringendo_engine::metrics::families as family;
use stringendo_ring::{Class, sleep};

use crate::api::tags::Version;
use crate::api::{Api, unread};
use crate::grpc::replies::{MESSAGE_HEAD_BYTES, Replies, begin_message, end_message};
use crate::grpc::{Service, receive, reply};
use crate::memory::RequestMemory;
use crate::settings::QueryGrpc;
use crate::status::{Code, Refusal};

mod health;
mod metrics;
mod search;
mod split;
mod tags;
mod trace;

/// Services that are served here.
const SERVICES: [&str; 3] =
    ["tempopb.StreamingQuerier", "tempopb.Querier", "grpc.health.v1.Health"];

/// Whether requests that are not gRPC are answered as over HTTP/1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlainHttp {
    /// On the HTTP listener.
    Answered,
    /// On the gRPC listener.
    Refused,
}

/// Queries over HTTP/2 on one core.
pub struct QueryService {
    api: Rc<Api>,
    settings: QueryGrpc,
    plain_http: PlainHttp,
}

/// What handlers need to know of a call, and where its answer goes.
struct Call<'a> {
    headers: &'a HeaderMap,
    message: Bytes,
    replies: &'a Replies,
}

impl Service for QueryService {
    const CLASS: Class = Class::Query;

    async fn call(self: Rc<Self>, request: Request<RecvStream>, respond: SendResponse<Bytes>) {
        match receive::not_grpc(&request) {
            None => self.count_call(request, respond).await,
            Some(_) if self.plain_http == PlainHttp::Answered => {
                self.answer_http(request, respond).await;
            }
            Some(status) => {
                let mut respond = respond;
                log_unsent(reply::not_grpc(&mut respond, status));
                receive::discard(request.into_body()).await;
            }
        }
    }
}

impl QueryService {
    /// Serves queries by `settings`.
    pub fn new(api: Rc<Api>, settings: QueryGrpc, plain_http: PlainHttp) -> Self {
        Self { api, settings, plain_http }
    }

    async fn count_call(&self, request: Request<RecvStream>, respond: SendResponse<Bytes>) {
        let node = self.api.node();
        let begun = node.clock().monotonic();
        let (head, mut body) = request.into_parts();
        let path = known_path(head.uri.path());
        let in_flight = InFlight::begin(&self.api, path);
        let replies = Replies::new(respond);
        let outcome = self.serve(&head, &mut body, &replies).await;
        let status = match &outcome {
            Ok(()) => "success",
            Err(refusal) if refusal.code == Code::Cancelled => "cancel",
            Err(_) => "error",
        };
        if let Err(refusal) = &outcome {
            tracing::debug!(path, reason = %refusal.message, "call not answered");
        }
        log_unsent(replies.finish(outcome.as_ref().copied()));
        drop(in_flight);
        let took = node.clock().monotonic().saturating_sub(begun);
        let labels = ["gRPC", path, status, "false"];
        node.counters().observe(&family::REQUEST_DURATION, &labels, took.as_secs_f64());
        receive::discard(body).await;
    }

    /// Runs a call until it is answered, its time is over, or its client cancels it.
    async fn serve(
        &self,
        head: &Parts,
        body: &mut RecvStream,
        replies: &Replies,
    ) -> Result<(), Refusal> {
        let answer = receive::within_deadline(&head.headers, self.answer(head, body, replies));
        // The call first: what it sends and the cancellation wake the same task.
        match select(pin!(answer), pin!(replies.cancelled())).await {
            Either::Left((outcome, _)) => outcome,
            Either::Right(_) => Err(cancelled()),
        }
    }

    async fn answer(
        &self,
        head: &Parts,
        body: &mut RecvStream,
        replies: &Replies,
    ) -> Result<(), Refusal> {
        let node = self.api.node();
        let (headers, mut memory) = (&head.headers, RequestMemory::of_query(node));
        let bytes_max = self.settings.message_bytes_max;
        let message = receive::message(headers, body, bytes_max, &mut memory, node.clock()).await?;
        let call = Call { headers, message, replies };
        match head.uri.path() {
            "/tempopb.StreamingQuerier/Search" => self.search(&call).await,
            "/tempopb.StreamingQuerier/SearchTags" => self.tag_names(Version::V1, &call).await,
            "/tempopb.StreamingQuerier/SearchTagsV2" => self.tag_names(Version::V2, &call).await,
            "/tempopb.StreamingQuerier/SearchTagValues" => {
                self.tag_values(Version::V1, &call).await
            }
            "/tempopb.StreamingQuerier/SearchTagValuesV2" => {
                self.tag_values(Version::V2, &call).await
            }
            "/tempopb.StreamingQuerier/MetricsQueryRange" => self.metrics_range(&call).await,
            "/tempopb.StreamingQuerier/MetricsQueryInstant" => self.metrics_instant(&call).await,
            "/tempopb.Querier/FindTraceByID" => self.find_trace(&call).await,
            "/grpc.health.v1.Health/Check" => self.check_health(&call).await,
            "/grpc.health.v1.Health/Watch" => self.watch_health(&call).await,
            path => Err(receive::unknown_method(path, &SERVICES)),
        }
    }

    /// Sends a message, its memory charged until the client has it.
    async fn send(&self, call: &Call<'_>, message: &impl Message) -> Result<(), Refusal> {
        let (bytes, bytes_max) = (message.encoded_len(), self.settings.sent_bytes_max);
        if bytes > bytes_max {
            let text = format!("trying to send message larger than max ({bytes} vs. {bytes_max})");
            let (code, status) = (Code::ResourceExhausted, StatusCode::INTERNAL_SERVER_ERROR);
            return Err(Refusal::new("too_large", code, status, text));
        }
        let body = self.api.charged(MESSAGE_HEAD_BYTES + bytes, || {
            let mut framed = begin_message(bytes);
            framed.extend_from_slice(&message.encode_to_vec());
            end_message(&mut framed);
            framed
        })?;
        call.replies.send(body).await
    }

    /// Answers a request that is not gRPC as over HTTP/1.
    async fn answer_http(&self, request: Request<RecvStream>, mut respond: SendResponse<Bytes>) {
        let (head, mut body) = request.into_parts();
        let node = self.api.node();
        let (mut memory, clock) = (RequestMemory::of_query(node), node.clock());
        let content = match self.api.body_bytes_max(&head.method, head.uri.path()) {
            0 => Ok(Bytes::new()),
            bytes_max => receive::plain(&mut body, bytes_max, &mut memory, clock).await,
        };
        let answer = match content {
            Ok(content) => self.api.answer(Request::from_parts(head, content)).await,
            Err(refusal) => unread(refusal),
        };
        let (head, content) = answer.into_parts();
        // The body is in memory and cannot fail.
        let content = content.collect().await.map(|all| all.to_bytes()).unwrap_or_default();
        let sent = respond.send_response(http::Response::from_parts(head, ()), content.is_empty());
        log_unsent(sent.and_then(|mut stream| {
            if content.is_empty() { Ok(()) } else { stream.send_data(content, true) }
        }));
        receive::discard(body).await;
    }
}

/// Runs a query, and `show` now and then until it ends. Nothing is shown while the client has not
/// taken what was shown before.
async fn watched<T, E>(
    query: impl Future<Output = Result<T, E>>,
    interval: Duration,
    mut show: impl AsyncFnMut() -> Result<(), E>,
) -> Result<T, E> {
    let mut query = pin!(query);
    loop {
        match select(query.as_mut(), pin!(sleep(interval))).await {
            Either::Left((outcome, _)) => return outcome,
            Either::Right(_) => show().await?,
        }
    }
}

fn decoded<M: Message + Default>(call: &Call<'_>) -> Result<M, Refusal> {
    M::decode(call.message.clone())
        .map_err(|error| Refusal::malformed(format!("grpc: error unmarshalling request: {error}")))
}

fn cancelled() -> Refusal {
    let (code, status) = (Code::Cancelled, StatusCode::REQUEST_TIMEOUT);
    Refusal::new("cancelled", code, status, "context canceled")
}

/// The path as a label; a client cannot make up new ones.
fn known_path(path: &str) -> &'static str {
    const PATHS: [&str; 10] = [
        "/tempopb.StreamingQuerier/Search",
        "/tempopb.StreamingQuerier/SearchTags",
        "/tempopb.StreamingQuerier/SearchTagsV2",
        "/tempopb.StreamingQuerier/SearchTagValues",
        "/tempopb.StreamingQuerier/SearchTagValuesV2",
        "/tempopb.StreamingQuerier/MetricsQueryRange",
        "/tempopb.StreamingQuerier/MetricsQueryInstant",
        "/tempopb.Querier/FindTraceByID",
        "/grpc.health.v1.Health/Check",
        "/grpc.health.v1.Health/Watch",
    ];
    PATHS.into_iter().find(|known| *known == path).unwrap_or("other")
}

/// A client that has gone does not miss its answer.
fn log_unsent(outcome: Result<(), h2::Error>) {
    if let Err(error) = outcome {
        tracing::debug!(%error, "answer not sent");
    }
}

/// A call that is being answered.
struct InFlight<'a> {
    api: &'a Api,
    path: &'static str,
}

impl<'a> InFlight<'a> {
    fn begin(api: &'a Api, path: &'static str) -> Self {
        api.node().counters().add(&family::INFLIGHT_REQUESTS, &["gRPC", path], 1.0);
        Self { api, path }
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        let labels = ["gRPC", self.path];
        self.api.node().counters().add(&family::INFLIGHT_REQUESTS, &labels, -1.0);
    }
}
