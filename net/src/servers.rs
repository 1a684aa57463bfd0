//! Listeners of one core: binding, accepting, and stopping in an orderly way.
//!
//! Every core binds every address (`SO_REUSEPORT`), so the kernel spreads connections.
//! [`ApiServer`] is bound before recovery, so that `/ready` can say no; [`ReceiverServer`] after
//! it.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::{Either, join, join_all, pending, select};
use stringendo_engine::Node;
use stringendo_ring::net::{TcpListener, TcpStream};
use stringendo_ring::{Class, sleep, spawn_detached};

use crate::api::Api;
use crate::grpc::GrpcServer;
use crate::grpc::export::ExportService;
use crate::http1::{self, ConnectionLimits};
use crate::intake::Intake;
use crate::limits;
use crate::open::{Connections, Open};
use crate::otlp_http::OtlpHttpServer;
use crate::settings::{ApiSettings, GrpcReceiver, HttpReceiver, ReceiverSettings, StatusPages};
use crate::stop::StopSignal;
use crate::streaming::{PlainHttp, QueryService};

/// Asks the process to go down; called by `/shutdown`.
pub type ShutdownRequest = Rc<dyn Fn()>;

/// First bytes of an HTTP/2 connection whose client knows that the server speaks it.
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The API's listeners on one core: HTTP and gRPC.
pub struct ApiServer {
    listeners: Vec<TcpListener>,
    grpc: Vec<TcpListener>,
    settings: ApiSettings,
}

impl ApiServer {
    /// Binds every address.
    ///
    /// # Errors
    /// Names the address and what to do.
    pub fn bind(settings: ApiSettings) -> io::Result<Self> {
        let listeners = bind_all(&settings.addresses)?;
        let grpc = bind_all(&settings.grpc.addresses)?;
        Ok(Self { listeners, grpc, settings })
    }

    /// The bound addresses, HTTP and then gRPC, with the real port where 0 was asked for.
    ///
    /// # Errors
    /// From the operating system.
    pub fn local_addresses(&self) -> io::Result<Vec<SocketAddr>> {
        self.listeners.iter().chain(&self.grpc).map(TcpListener::local_addr).collect()
    }

    /// Serves until `stop`, then finishes what is in flight, within the grace.
    pub async fn run(
        self,
        node: Node,
        pages: Rc<StatusPages>,
        shutdown: ShutdownRequest,
        stop: StopSignal,
    ) {
        let grace = self.settings.grace;
        let (http_max, grpc_max) =
            (self.settings.connections_max, self.settings.grpc.connections_max);
        let connections = open_at_once(http_max, limits::API_BUDGET_SHARE, &node);
        let over_grpc = open_at_once(grpc_max, limits::GRPC_API_BUDGET_SHARE, &node);
        let door = Rc::new(Door::new(node, self.settings, pages, shutdown));
        let http = self.listeners.into_iter().map(|listener| {
            accept_all(listener, &stop, &connections, |stream, open| {
                let (door, stop) = (Rc::clone(&door), stop.clone());
                spawn_detached(Class::Query, door.serve(stream, stop, open));
            })
        });
        let grpc = self.grpc.into_iter().map(|listener| {
            accept_all(listener, &stop, &over_grpc, |stream, open| {
                let server = Rc::clone(&door.grpc);
                spawn_detached(Class::Query, server.serve(stream, stop.clone(), open));
            })
        });
        join(join_all(http), join_all(grpc)).await;
        join(close(&connections, grace, "api"), close(&over_grpc, grace, "grpc api")).await;
    }
}

fn open_at_once(configured: usize, share: f64, node: &Node) -> Connections {
    let open_max = if configured == 0 { limits::CONNECTIONS_MAX } else { configured };
    Connections::new(open_max, Rc::clone(&node.shard().budget), share)
}

/// What connections to the API come to, by what they speak.
struct Door {
    api: Rc<Api>,
    /// gRPC alone.
    grpc: Rc<GrpcServer<QueryService>>,
    /// gRPC and the rest, where HTTP/2 is spoken on the HTTP listeners.
    http2: Option<Rc<GrpcServer<QueryService>>>,
    allowed: ConnectionLimits,
}

impl Door {
    fn new(
        node: Node,
        settings: ApiSettings,
        pages: Rc<StatusPages>,
        shutdown: ShutdownRequest,
    ) -> Self {
        let allowed = ConnectionLimits {
            first: settings.read_timeout,
            idle: settings.idle_timeout,
            head_bytes_max: limits::HTTP1_HEAD_BYTES_MAX,
            half_close: false,
        };
        let (grpc, over_http) = (settings.grpc.clone(), settings.grpc_over_http);
        let api = Rc::new(Api::new(node, settings, pages, shutdown));
        let server = |plain_http| {
            let service = QueryService::new(Rc::clone(&api), grpc.clone(), plain_http);
            Rc::new(GrpcServer::new(Rc::new(service), grpc.streams_max))
        };
        let http2 = over_http.then(|| server(PlainHttp::Answered));
        Self { grpc: server(PlainHttp::Refused), http2, api, allowed }
    }

    async fn serve(self: Rc<Self>, mut stream: TcpStream, stop: StopSignal, open: Open) {
        if let Some(server) = &self.http2 {
            match self.speaks_http2(&mut stream, &stop).await {
                Some(true) => return Rc::clone(server).serve(stream, stop, open).await,
                Some(false) => {}
                None => return,
            }
        }
        let answer = |request| {
            let api = Rc::clone(&self.api);
            async move { api.answer_with_body(request).await }
        };
        let clock = self.api.node().clock();
        http1::serve(stream, clock, self.allowed, stop, answer).await;
        drop(open);
    }

    /// Whether the connection begins as HTTP/2; `None` if it ends before that is known.
    async fn speaks_http2(&self, stream: &mut TcpStream, stop: &StopSignal) -> Option<bool> {
        let begins = pin!(stream.begins_with(HTTP2_PREFACE));
        let patience = self.allowed.first;
        let impatient = pin!(async {
            if patience.is_zero() { pending().await } else { sleep(patience).await }
        });
        match select(begins, select(pin!(stop.stopped()), impatient)).await {
            Either::Left((Ok(begins), _)) => Some(begins),
            Either::Left((Err(error), _)) => {
                tracing::debug!(%error, "connection broken");
                None
            }
            Either::Right(_) => None,
        }
    }
}

/// The receivers' listeners on one core.
pub struct ReceiverServer {
    grpc: Vec<(TcpListener, GrpcReceiver)>,
    http: Vec<(TcpListener, HttpReceiver)>,
    settings: ReceiverSettings,
}

impl ReceiverServer {
    /// Binds every address of every receiver.
    ///
    /// # Errors
    /// Names the address and what to do.
    pub fn bind(settings: ReceiverSettings) -> io::Result<Self> {
        let (mut grpc, mut http) = (Vec::new(), Vec::new());
        for receiver in &settings.otlp_grpc {
            let bound = bind_all(&receiver.addresses)?;
            grpc.extend(bound.into_iter().map(|listener| (listener, receiver.clone())));
        }
        for receiver in &settings.otlp_http {
            let bound = bind_all(&receiver.addresses)?;
            http.extend(bound.into_iter().map(|listener| (listener, receiver.clone())));
        }
        Ok(Self { grpc, http, settings })
    }

    /// The bound addresses, gRPC and then HTTP, with the real port where 0 was asked for.
    ///
    /// # Errors
    /// From the operating system.
    pub fn local_addresses(&self) -> io::Result<Vec<SocketAddr>> {
        let grpc = self.grpc.iter().map(|(listener, _)| listener);
        let http = self.http.iter().map(|(listener, _)| listener);
        grpc.chain(http).map(TcpListener::local_addr).collect()
    }

    /// Serves until `stop`, then finishes what is in flight, within the grace.
    pub async fn run(self, node: Node, stop: StopSignal) {
        let budget = Rc::clone(&node.shard().budget);
        let connections =
            Connections::new(limits::CONNECTIONS_MAX, budget, limits::RECEIVERS_BUDGET_SHARE);
        let intake = |transport| Rc::new(Intake::new(node.clone(), &self.settings, transport));
        let (over_grpc, over_http) = (intake("grpc"), intake("http"));
        let grpc = self.grpc.into_iter().map(|(listener, receiver)| {
            run_grpc(listener, receiver, Rc::clone(&over_grpc), &stop, &connections)
        });
        let http = self.http.into_iter().map(|(listener, receiver)| {
            run_http(listener, receiver, Rc::clone(&over_http), &stop, &connections)
        });
        join(join_all(grpc), join_all(http)).await;
        close(&connections, self.settings.grace, "receivers").await;
    }
}

async fn run_grpc(
    listener: TcpListener,
    receiver: GrpcReceiver,
    intake: Rc<Intake>,
    stop: &StopSignal,
    connections: &Connections,
) {
    let service = ExportService::new(intake, receiver.message_bytes_max);
    let server = Rc::new(GrpcServer::new(Rc::new(service), receiver.streams_max));
    accept_all(listener, stop, connections, |stream, open| {
        spawn_detached(Class::Ack, Rc::clone(&server).serve(stream, stop.clone(), open));
    })
    .await;
}

async fn run_http(
    listener: TcpListener,
    receiver: HttpReceiver,
    intake: Rc<Intake>,
    stop: &StopSignal,
    connections: &Connections,
) {
    let allowed = ConnectionLimits {
        first: limits::BODY_SILENCE_MAX,
        idle: limits::IDLE_MAX,
        head_bytes_max: limits::RECEIVER_HEAD_BYTES_MAX,
        half_close: true,
    };
    let clock = intake.node().clock();
    let server = Rc::new(OtlpHttpServer::new(intake, receiver));
    accept_all(listener, stop, connections, |stream, open| {
        let (server, stop) = (Rc::clone(&server), stop.clone());
        spawn_detached(Class::Ack, async move {
            let answer = |request| {
                let server = Rc::clone(&server);
                async move { server.answer(request).await }
            };
            http1::serve(stream, clock, allowed, stop, answer).await;
            drop(open);
        });
    })
    .await;
}

fn bind_all(addresses: &[SocketAddr]) -> io::Result<Vec<TcpListener>> {
    addresses.iter().map(|address| TcpListener::bind(*address)).collect()
}

/// Accepts until `stop`, then closes the listener.
async fn accept_all(
    listener: TcpListener,
    stop: &StopSignal,
    connections: &Connections,
    serve: impl Fn(TcpStream, Open),
) {
    let (mut stopped, mut was_full) = (pin!(stop.stopped()), false);
    loop {
        let accepted = match select(pin!(listener.accept()), stopped.as_mut()).await {
            Either::Left((accepted, _)) => accepted,
            Either::Right(_) => return,
        };
        match accepted {
            Ok(stream) => match connections.open() {
                Some(open) => {
                    was_full = false;
                    serve(stream, open);
                }
                None if was_full => {}
                None => {
                    was_full = true;
                    let open = connections.count();
                    tracing::warn!(open, "connections are refused: too many on this core");
                }
            },
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                sleep(limits::ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn close(connections: &Connections, grace: Duration, name: &str) {
    if !connections.all_closed(grace).await {
        let open = connections.count();
        tracing::warn!(name, open, "connections are still busy after the grace; they are cut");
    }
}
