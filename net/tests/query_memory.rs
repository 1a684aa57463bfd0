//! Memory of queries as clients of the API meet it.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod common;

use std::time::Duration;

use common::grpc::Client;
use common::{Server, http, spans, with_server};
use stringendo_engine::budget::Use;
use stringendo_ring::net::TcpStream;
use stringendo_ring::sleep;
use tokio::io::AsyncWriteExt;

const ID: [u8; 16] = [0xef; 16];
const V1: &str = "/api/traces/efefefefefefefefefefefefefefefef";
const SEARCH: &str = "/api/search?q=%7B%7D&start=1699999999&end=1700000100";

/// A trace of some hundred spans.
async fn sent(server: &Server) {
    let client = Client::connect(server.grpc).await;
    for span in 1..=200 {
        let batch = spans::batch(ID, span, 1_700_000_000_000_000_000);
        assert_eq!(client.export(&batch).await.code, 0);
    }
}

async fn until_free(server: &Server) {
    let budget = &server.node.shard().budget;
    for _ in 0..1000 {
        if Use::WAITING.iter().all(|usage| budget.used_for(*usage) == 0) {
            return;
        }
        sleep(Duration::from_millis(5)).await;
    }
    panic!("{} bytes are still charged", budget.used_for(Use::Answer));
}

#[test]
fn without_memory_for_the_answer_a_query_is_429() {
    with_server(
        1,
        |_| {},
        |server| async move {
            sent(&server).await;
            let budget = &server.node.shard().budget;
            let hog = budget.charge(Use::Answer, budget.limit_for(Use::Answer));
            let answer = http::get(server.api, SEARCH).await;
            assert_eq!((answer.status, answer.text()), (429, "too many outstanding requests"));
            let metrics = http::get(server.api, "/metrics").await;
            let counted = "stringendo_query_parts_refused_total{reason=\"no_room\"} 1\n";
            assert!(metrics.text().contains(counted), "{}", metrics.text());
            drop(hog);
            for path in [SEARCH, V1] {
                assert_eq!(http::get(server.api, path).await.status, 200, "{path}");
            }
        },
    );
}

#[test]
fn memory_of_answers_is_given_back_when_they_were_sent_plain_or_packed() {
    with_server(
        2,
        |_| {},
        |server| async move {
            sent(&server).await;
            assert!(server.node.flush(None).await);
            for headers in [&[][..], &[("Accept-Encoding", "gzip")]] {
                for path in [SEARCH, V1] {
                    let answer = http::send(server.api, "GET", path, headers, b"").await;
                    assert_eq!(answer.status, 200, "{path}");
                    assert!(!answer.body.is_empty());
                    until_free(&server).await;
                }
            }
        },
    );
}

#[test]
fn memory_of_answers_is_given_back_when_clients_go_away() {
    with_server(
        1,
        |_| {},
        |server| async move {
            sent(&server).await;
            for pause_us in (0..3000).step_by(100) {
                let mut stream = TcpStream::connect(server.api).await.unwrap();
                let request = format!("GET {V1} HTTP/1.1\r\nHost: x\r\n\r\n");
                stream.write_all(request.as_bytes()).await.unwrap();
                sleep(Duration::from_micros(pause_us)).await;
                drop(stream);
            }
            until_free(&server).await;
        },
    );
}
