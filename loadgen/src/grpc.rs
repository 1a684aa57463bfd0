//! OTLP gRPC on `h2`: unary `TraceService/Export`, many requests in flight on one connection.
//!
//! Does not know templates or what is counted; it turns bytes into an [`Outcome`].

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use bytes::{Bytes, BytesMut};
use h2::client::{Builder, SendRequest};
use http::{HeaderMap, Method, Version};
use monoio::net::TcpStream;
use monoio::task::JoinHandle;
use monoio::time::timeout;
use monoio_compat::TcpStreamCompat;
use prost::Message;
use stringendo_proto::rpc;

use crate::export::Outcome;
use crate::http_export::judge_success;
use crate::options::{Compression, RunOptions};

/// Reads are small (acknowledgements), writes are whole batches.
const READ_BUFFER_BYTES: usize = 64 << 10;
const WRITE_BUFFER_BYTES: usize = 256 << 10;
/// Largest answer; an acknowledgement has a few bytes.
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// How long closing may take.
const CLOSE_MAX: Duration = Duration::from_secs(1);
const RESOURCE_EXHAUSTED: i32 = 8;
const UNAVAILABLE: i32 = 14;

/// A connection; clones share it.
#[derive(Clone)]
pub struct GrpcClient {
    sender: SendRequest<Bytes>,
    request: Rc<http::Request<()>>,
    /// Why the connection ended, once it has.
    ended: Rc<RefCell<Option<String>>>,
    driver: Rc<RefCell<Option<JoinHandle<()>>>>,
}

impl GrpcClient {
    /// Connects and shakes hands. The connection is driven by a task of this thread's runtime.
    ///
    /// # Errors
    /// What the socket or the handshake said.
    pub async fn open(options: &RunOptions) -> Result<Self, String> {
        let request = Rc::new(request_head(options)?);
        let authority = options.endpoint.authority.as_str();
        let stream = TcpStream::connect(authority).await.map_err(|e| e.to_string())?;
        stream.set_nodelay(true).map_err(|e| e.to_string())?;
        let stream =
            TcpStreamCompat::new_with_buffer_size(stream, READ_BUFFER_BYTES, WRITE_BUFFER_BYTES);
        let (sender, connection) = Builder::new()
            .enable_push(false)
            .initial_window_size(1 << 20)
            .initial_connection_window_size(4 << 20)
            .handshake::<_, Bytes>(stream)
            .await
            .map_err(|e| e.to_string())?;
        let ended = Rc::new(RefCell::new(None));
        let told = ended.clone();
        let driver = monoio::spawn(async move {
            let reason = match connection.await {
                Ok(()) => "the server closed the connection".to_owned(),
                Err(error) => error.to_string(),
            };
            *told.borrow_mut() = Some(reason);
        });
        let driver = Rc::new(RefCell::new(Some(driver)));
        Ok(Self { sender, request, ended, driver })
    }

    /// Closes the connection in order, once no other clone is left.
    pub async fn close(self) {
        let Self { sender, driver, .. } = self;
        drop(sender);
        let driver = driver.borrow_mut().take();
        if let Some(driver) = driver {
            // A peer that does not take the farewell is left alone with it.
            let _ = timeout(CLOSE_MAX, driver).await;
        }
    }

    /// Sends one message, prefix included, and waits for the status.
    pub async fn export(&mut self, framed: Bytes) -> Outcome {
        match self.call(framed).await {
            Ok((headers, body)) => judge(&headers, &body),
            Err(error) => self.judge_error(&error),
        }
    }

    async fn call(&mut self, framed: Bytes) -> Result<(HeaderMap, Bytes), h2::Error> {
        let mut sender = self.sender.clone().ready().await?;
        let head = (*self.request).clone();
        let (response, mut stream) = sender.send_request(head, false)?;
        // Nothing is reserved first: h2 keeps the bytes until the windows allow them, and what is
        // in flight is bounded by requests times batch size.
        stream.send_data(framed, true)?;
        let (head, mut answer) = response.await?.into_parts();
        let mut body = BytesMut::new();
        while let Some(data) = answer.data().await {
            let data = data?;
            answer.flow_control().release_capacity(data.len())?;
            if body.len() + data.len() <= ANSWER_BYTES_MAX {
                body.extend_from_slice(&data);
            }
        }
        let mut headers = head.headers;
        if let Some(trailers) = answer.trailers().await? {
            headers.extend(trailers);
        }
        if head.status != http::StatusCode::OK && !headers.contains_key("grpc-status") {
            headers.insert("http-status", head.status.as_u16().into());
        }
        Ok((headers, body.freeze()))
    }

    fn judge_error(&self, error: &h2::Error) -> Outcome {
        match error.reason() {
            // The server took no notice of this stream, or asks for calm: the connection lives.
            Some(reason) if error.is_reset() && error.is_remote() => {
                let reason = format!("stream reset: {reason}");
                if error.reason() == Some(h2::Reason::REFUSED_STREAM) {
                    Outcome::Refused { retry_after: None, reason }
                } else {
                    Outcome::Failed(reason)
                }
            }
            _ => {
                let ended = self.ended.borrow().clone();
                Outcome::Disconnected(ended.unwrap_or_else(|| error.to_string()))
            }
        }
    }
}

fn request_head(options: &RunOptions) -> Result<http::Request<()>, String> {
    const PATH: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
    let endpoint = &options.endpoint;
    let mut request = http::Request::builder()
        .method(Method::POST)
        .version(Version::HTTP_2)
        .uri(format!("http://{}{}{PATH}", endpoint.authority, endpoint.prefix))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("user-agent", concat!("stringendo-loadgen/", env!("CARGO_PKG_VERSION")));
    if options.compression != Compression::None {
        request = request.header("grpc-encoding", "gzip");
    }
    if let Some(tenant) = &options.tenant {
        request = request.header("x-scope-orgid", tenant);
    }
    request.body(()).map_err(|error| format!("request head: {error}"))
}

fn judge(headers: &HeaderMap, body: &Bytes) -> Outcome {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let Some(code) = text("grpc-status").and_then(|value| value.parse::<i32>().ok()) else {
        let http = text("http-status").unwrap_or("200");
        return Outcome::Failed(format!("no grpc-status in the answer (HTTP status {http})"));
    };
    if code == 0 {
        return judge_success(body.get(5..).unwrap_or_default());
    }
    let reason = format!("gRPC code {code}: {}", text("grpc-message").unwrap_or_default());
    match code {
        RESOURCE_EXHAUSTED | UNAVAILABLE => {
            let details = text("grpc-status-details-bin").unwrap_or_default();
            Outcome::Refused { retry_after: retry_hint(details), reason }
        }
        _ => Outcome::Failed(reason),
    }
}

/// The `google.rpc.RetryInfo` inside the status details, if there is one.
fn retry_hint(details: &str) -> Option<Duration> {
    let bytes = STANDARD_NO_PAD.decode(details).or_else(|_| STANDARD.decode(details)).ok()?;
    let status = rpc::Status::decode(bytes.as_slice()).ok()?;
    let info = status.details.iter().find(|any| any.type_url.ends_with("google.rpc.RetryInfo"))?;
    let delay = rpc::RetryInfo::decode(info.value.as_slice()).ok()?.retry_delay?;
    let (seconds, nanos) = (u64::try_from(delay.seconds).ok()?, u32::try_from(delay.nanos).ok()?);
    Some(Duration::new(seconds, nanos))
}
