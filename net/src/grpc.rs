//! gRPC: HTTP/2 connections, one task each and one per request.
//!
//! From: `servers`, with accepted connections. To: a [`Service`], with requests: [`export`] for
//! spans (contract receivers.md §3.1), `streaming` for queries (http-api.md §12). What services
//! share is here, too: [`frame`] and [`receive`] for what comes in, [`reply`] and [`replies`] for
//! what goes out. `h2` answers pings, keeps windows and refuses what breaks HTTP/2.

use std::pin::pin;
use std::rc::Rc;

use bytes::Bytes;
use futures_util::future::{Either, pending, select};
use h2::server::SendResponse;
use h2::{Ping, PingPong, RecvStream};
use http::Request;
use stringendo_ring::net::TcpStream;
use stringendo_ring::{Class, sleep, spawn_detached, timeout};

use crate::limits;
use crate::open::{Connections, Open};
use crate::stop::StopSignal;

mod deadline;
pub mod export;
mod frame;
pub mod receive;
pub mod replies;
pub mod reply;

/// What a listener serves.
pub trait Service: 'static {
    /// Class of its calls.
    const CLASS: Class;

    /// Serves one request to its end.
    fn call(
        self: Rc<Self>,
        request: Request<RecvStream>,
        respond: SendResponse<Bytes>,
    ) -> impl Future<Output = ()> + 'static;
}

/// One listener's part of a core.
pub struct GrpcServer<S> {
    service: Rc<S>,
    builder: h2::server::Builder,
}

impl<S: Service> GrpcServer<S> {
    /// Serves `service`; `streams_max` 0 = our own limit.
    pub fn new(service: Rc<S>, streams_max: u32) -> Self {
        let streams = if streams_max == 0 { limits::STREAMS_MAX } else { streams_max };
        let mut builder = h2::server::Builder::new();
        builder
            .initial_window_size(limits::STREAM_WINDOW_BYTES)
            .initial_connection_window_size(limits::CONNECTION_WINDOW_BYTES)
            .max_frame_size(limits::FRAME_BYTES_MAX)
            .max_header_list_size(limits::HEADER_BYTES_MAX as u32)
            .max_concurrent_streams(streams);
        Self { service, builder }
    }

    /// Serves one connection to its end; after `stop` only what is in flight.
    pub async fn serve(self: Rc<Self>, stream: TcpStream, stop: StopSignal, _open: Open) {
        let handshake = self.builder.handshake::<_, Bytes>(stream);
        let mut connection = match timeout(limits::HANDSHAKE_MAX, handshake).await {
            Some(Ok(connection)) => connection,
            Some(Err(error)) => return tracing::debug!(%error, "no HTTP/2 on this connection"),
            None => return tracing::debug!("a connection said nothing"),
        };
        let calls = Connections::of_calls();
        let (stopped, silent) = (pin!(stop.stopped()), pin!(keep_alive(connection.ping_pong())));
        let mut ended = select(stopped, silent);
        loop {
            match select(pin!(connection.accept()), &mut ended).await {
                Either::Left((Some(Ok((request, respond))), _)) => {
                    self.begin_call(&calls, request, respond);
                }
                Either::Left((Some(Err(error)), _)) => {
                    return tracing::debug!(%error, "connection broken");
                }
                Either::Left((None, _)) => return,
                Either::Right((Either::Left(_), _)) => break,
                Either::Right((Either::Right(_), _)) => {
                    return tracing::debug!("a connection gives no sign of life");
                }
            }
        }
        connection.graceful_shutdown();
        let mut goodbye = pin!(say_goodbye(&calls));
        while let Either::Left((Some(Ok((request, respond))), _)) =
            select(pin!(connection.accept()), goodbye.as_mut()).await
        {
            self.begin_call(&calls, request, respond);
        }
    }

    fn begin_call(
        &self,
        calls: &Connections,
        request: Request<RecvStream>,
        respond: SendResponse<Bytes>,
    ) {
        let (call, open) = (Rc::clone(&self.service).call(request, respond), calls.open());
        spawn_detached(S::CLASS, async move {
            call.await;
            drop(open);
        });
    }
}

/// Completes when nothing was in flight for a while after the stop: a peer that is gone without a
/// word would never close its side.
async fn say_goodbye(calls: &Connections) {
    loop {
        calls.none_open().await;
        sleep(limits::GOODBYE).await;
        if calls.count() == 0 {
            return;
        }
    }
}

/// Pings now and then; completes when no answer came.
async fn keep_alive(ping_pong: Option<PingPong>) {
    let Some(mut ping_pong) = ping_pong else { return pending().await };
    loop {
        sleep(limits::KEEPALIVE_INTERVAL).await;
        let answer = timeout(limits::KEEPALIVE_MAX, ping_pong.ping(Ping::opaque())).await;
        if !matches!(answer, Some(Ok(_))) {
            return;
        }
    }
}
