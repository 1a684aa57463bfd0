//! The HTTP client under every store: time limits, TLS, and a count of each request.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpRequest, HttpResponse, HttpService,
};
use reqwest::header::AUTHORIZATION;
use stringendo_ring::Clock;

use crate::error::BuildError;
use crate::requests::Requests;
use crate::settings::{Kind, Settings};
use crate::tls;

/// A store that does not even accept a connection for so long is away.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// An answer that makes no progress for so long has ended.
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// One request with its body: a part of 64 MiB at 1 MB/s, twice.
const REQUEST_MAX: Duration = Duration::from_secs(150);
/// Connections that wait for their next request, per host: those of some large queries.
const IDLE_CONNECTIONS_MAX: usize = 64;

/// Makes clients for `object_store`; all of one store share connections.
#[derive(Clone, Debug)]
pub(crate) struct Connector {
    client: reqwest::Client,
    requests: Arc<Requests>,
    /// Nobody is told who asks.
    anonymous: bool,
}

impl Connector {
    pub(crate) fn new(settings: &Settings, requests: Arc<Requests>) -> Result<Self, BuildError> {
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls::of_store(settings)?)
            .user_agent(concat!("stringendo/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_MAX)
            .read_timeout(SILENCE_MAX)
            .timeout(REQUEST_MAX)
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        let anonymous = matches!(&settings.kind, Kind::Gcs(gcs) if gcs.insecure);
        Ok(Self { client, requests, anonymous })
    }
}

impl HttpConnector for Connector {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

#[async_trait]
impl HttpService for Connector {
    async fn call(&self, mut request: HttpRequest) -> Result<HttpResponse, HttpError> {
        if self.anonymous {
            request.headers_mut().remove(AUTHORIZATION);
        }
        let operation = operation_of(&request);
        let begun = Clock::System.monotonic();
        let answer = HttpService::call(&self.client, request).await;
        let status = answer.as_ref().ok().map(|answer| answer.status().as_u16());
        self.requests.count(operation, status, Clock::System.monotonic().saturating_sub(begun));
        answer
    }
}

/// The request's method, but for listings, which are `GET`, too.
fn operation_of(request: &HttpRequest) -> &'static str {
    let query = request.uri().query().unwrap_or_default();
    let is_list = query.split('&').any(|part| part == "list-type=2" || part == "comp=list");
    match request.method().as_str() {
        "GET" if is_list => "LIST",
        "GET" => "GET",
        "HEAD" => "HEAD",
        "PUT" => "PUT",
        "POST" => "POST",
        "DELETE" => "DELETE",
        _ => "OTHER",
    }
}
