//! Connections over the loopback.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod common;

use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use common::{on_a_core, on_cores};
use stringendo_ring::net::{TcpListener, TcpStream, ensure_free, resolve};
use stringendo_ring::oneshot::{Sender, channel};
use stringendo_ring::{Class, CoreContext, CoreId, offload, spawn};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

async fn read_some(stream: &mut TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    let mut buffer = ReadBuf::new(buffer);
    poll_fn(|context| AsyncRead::poll_read(Pin::new(&mut *stream), context, &mut buffer)).await?;
    Ok(buffer.filled().len())
}

async fn write_all(stream: &mut TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let written =
            poll_fn(|context| AsyncWrite::poll_write(Pin::new(&mut *stream), context, bytes))
                .await?;
        bytes = &bytes[written..];
    }
    Ok(())
}

async fn shutdown(stream: &mut TcpStream) -> io::Result<()> {
    poll_fn(|context| AsyncWrite::poll_shutdown(Pin::new(&mut *stream), context)).await
}

async fn read_to_end(stream: &mut TcpStream, step: usize) -> Vec<u8> {
    let (mut all, mut buffer) = (Vec::new(), vec![0; step]);
    loop {
        match read_some(stream, &mut buffer).await.unwrap() {
            0 => return all,
            count => all.extend_from_slice(&buffer[..count]),
        }
    }
}

fn any_port() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

/// Bytes that differ at every position of a large buffer.
fn pattern(count: usize) -> Vec<u8> {
    (0..count).map(|i| (i ^ (i >> 8) ^ (i >> 16)) as u8).collect()
}

/// Reads until it has to give way, at most so many bytes; how many it was, and whether it gave way.
fn read_at_once(
    stream: &mut TcpStream,
    context: &mut Context<'_>,
    bytes_max: usize,
) -> (usize, bool) {
    let mut space = vec![0; 16 << 10];
    let mut read = 0;
    while read < bytes_max {
        let mut buffer = ReadBuf::new(&mut space);
        match AsyncRead::poll_read(Pin::new(&mut *stream), context, &mut buffer) {
            Poll::Pending => return (read, true),
            Poll::Ready(outcome) => outcome.unwrap(),
        }
        read += buffer.filled().len();
    }
    (read, false)
}

#[test]
fn a_connection_gives_way_however_much_there_is_to_read() {
    const BYTES: usize = 8 << 20;
    on_a_core(|| async {
        let listener = TcpListener::bind(any_port()).unwrap();
        let address = listener.local_addr().unwrap();
        let sender = spawn(Class::Query, async move {
            let send = move || {
                let mut stream = std::net::TcpStream::connect(address).unwrap();
                io::Write::write_all(&mut stream, &vec![1; BYTES]).unwrap();
            };
            offload(send).await.unwrap();
        });
        let mut stream = listener.accept().await.unwrap();
        let (mut left, mut most) = (BYTES, 0);
        while left > 0 {
            let turn = poll_fn(|context| {
                let (read, gave_way) = read_at_once(&mut stream, context, left);
                left -= read;
                most = most.max(read);
                if gave_way && read == 0 { Poll::Pending } else { Poll::Ready(()) }
            });
            turn.await;
        }
        // Two buffers: one that was not quite full, and another.
        assert!(most <= 512 << 10, "{most}");
        sender.await;
    });
}

#[test]
fn megabytes_come_back_as_sent_with_small_and_large_reads() {
    on_a_core(|| async {
        let listener = TcpListener::bind(any_port()).unwrap();
        let address = listener.local_addr().unwrap();
        let echo = spawn(Class::Ack, async move {
            for step in [100, 8 << 10, 1 << 20] {
                let mut stream = listener.accept().await.unwrap();
                let bytes = read_to_end(&mut stream, step).await;
                write_all(&mut stream, &bytes).await.unwrap();
            }
        });
        for _ in 0..3 {
            let mut stream = TcpStream::connect(address).await.unwrap();
            assert_eq!(stream.peer_addr().unwrap(), address);
            let bytes = pattern(3 << 20);
            write_all(&mut stream, &bytes).await.unwrap();
            shutdown(&mut stream).await.unwrap();
            assert!(read_to_end(&mut stream, 64 << 10).await == bytes);
        }
        echo.await;
    });
}

#[test]
fn pings_go_to_and_fro_on_many_connections_at_once() {
    on_a_core(|| async {
        let listener = TcpListener::bind(any_port()).unwrap();
        let address = listener.local_addr().unwrap();
        let accepting = spawn(Class::Ack, async move {
            let mut echoes = Vec::new();
            for _ in 0..40 {
                let mut stream = listener.accept().await.unwrap();
                echoes.push(spawn(Class::Ack, async move {
                    let mut buffer = [0; 64];
                    loop {
                        let count = read_some(&mut stream, &mut buffer).await.unwrap();
                        if count == 0 {
                            break;
                        }
                        write_all(&mut stream, &buffer[..count]).await.unwrap();
                    }
                }));
            }
            for echo in echoes {
                echo.await;
            }
        });
        let clients: Vec<_> = (0..40u8)
            .map(|client| {
                spawn(Class::Query, async move {
                    let mut stream = TcpStream::connect(address).await.unwrap();
                    let mut buffer = [0; 64];
                    for round in 0..50 {
                        write_all(&mut stream, &[client, round]).await.unwrap();
                        assert_eq!(read_some(&mut stream, &mut buffer).await.unwrap(), 2);
                        assert_eq!(buffer[..2], [client, round]);
                    }
                })
            })
            .collect();
        for client in clients {
            client.await;
        }
        accepting.await;
    });
}

#[test]
fn cores_share_a_port_and_a_stranger_is_told_who_holds_it() {
    on_cores(2, |context: CoreContext<(SocketAddr, Sender<()>)>| async move {
        if context.id == CoreId(1) {
            let (_, (address, done)) = context.mesh.recv().await.unwrap();
            let _listener = TcpListener::bind(address).unwrap();
            let error = ensure_free(address).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::AddrInUse);
            let text = error.to_string();
            let advice = format!("ss -ltnp 'sport = :{}'", address.port());
            assert!(text.contains(&address.to_string()) && text.contains(&advice), "{text}");
            done.send(()).unwrap();
            return;
        }
        let listener = TcpListener::bind(any_port()).unwrap();
        let (done, is_done) = channel();
        let address = listener.local_addr().unwrap();
        context.mesh.send(CoreId(1), (address, done)).await.unwrap();
        is_done.await.unwrap();
    });
}

#[test]
fn a_port_that_nobody_holds_is_free() {
    ensure_free(any_port()).unwrap();
}

#[test]
fn a_refused_connection_names_the_address() {
    on_a_core(|| async {
        let listener = TcpListener::bind(any_port()).unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let Err(error) = TcpStream::connect(address).await else { panic!("connected") };
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        assert!(error.to_string().contains(&address.to_string()), "{error}");
    });
}

#[test]
fn an_idle_listener_wakes_for_a_connection_from_a_plain_thread() {
    on_a_core(|| async {
        let listener = TcpListener::bind(any_port()).unwrap();
        let address = listener.local_addr().unwrap();
        let client = stringendo_ring::offload(move || {
            use std::io::{Read, Write};
            let mut stream = std::net::TcpStream::connect(address).unwrap();
            stream.write_all(b"ping").unwrap();
            let mut answer = [0; 4];
            stream.read_exact(&mut answer).unwrap();
            answer
        });
        let client = spawn(Class::Ack, client);
        let mut stream = listener.accept().await.unwrap();
        let mut buffer = [0; 16];
        assert_eq!(read_some(&mut stream, &mut buffer).await.unwrap(), 4);
        write_all(&mut stream, b"pong").await.unwrap();
        assert_eq!(client.await.unwrap(), *b"pong");
    });
}

#[test]
fn names_are_resolved_and_unknown_ones_named() {
    let addresses = resolve("localhost:4317").unwrap();
    assert!(addresses.iter().all(|address| address.port() == 4317 && address.ip().is_loopback()));
    assert_eq!(resolve("[::1]:80").unwrap(), ["[::1]:80".parse().unwrap()]);
    assert!(resolve("localhost").unwrap_err().to_string().contains("\"localhost\""));
}
