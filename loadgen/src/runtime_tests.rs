use bytes::Bytes;
use monoio::io::{AsyncReadRent, AsyncWriteRentExt};

use super::*;
use crate::http1::{Connection, Request};
use crate::options::Endpoint;

/// A request over a real socket, with a server that answers once.
async fn request_and_answer() -> u16 {
    let listener = monoio::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let authority = listener.local_addr().unwrap().to_string();
    let server = monoio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read(vec![0; 4096]).await.0.unwrap();
        let answer = b"HTTP/1.1 204 No Content\r\n\r\n".to_vec();
        stream.write_all(answer).await.0.unwrap();
    });
    let endpoint = Endpoint { authority, prefix: String::new() };
    let mut connection = Connection::open(&endpoint).await.unwrap();
    let request = Request { method: "POST", path: "/flush", headers: "", body: Bytes::new() };
    let status = connection.send(request).await.unwrap().status;
    server.await;
    status
}

#[test]
fn sockets_and_timers_work_on_whatever_driver_is_there() {
    assert_eq!(block_on(request_and_answer()).unwrap(), 204);
}

#[test]
fn the_epoll_driver_does_the_same_where_io_uring_is_refused() {
    assert_eq!(block_on_epoll(request_and_answer()).unwrap(), 204);
}
