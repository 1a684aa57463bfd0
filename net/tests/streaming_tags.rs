//! Names and values of tags over gRPC.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod common;

use std::time::Duration;

use common::grpc::{Client, framed};
use common::{Server, Settings, http, spans, with_server};
use prost::Message;
use stringendo_engine::budget::Use;
use stringendo_proto::tempopb::request::{SearchTagValuesRequest, SearchTagsRequest};
use stringendo_proto::tempopb::{
    MetadataMetrics, SearchTagValuesResponse, SearchTagValuesV2Response, SearchTagsResponse,
    SearchTagsV2Response,
};
use stringendo_ring::{sleep, timeout};

const START: u64 = 1_700_000_000;

async fn sent(server: &Server) {
    let client = Client::connect(server.grpc).await;
    let batch = spans::batch([7; 16], 1, START * 1_000_000_000);
    assert_eq!(client.export(&batch).await.code, 0);
}

fn names_request(query: &str) -> SearchTagsRequest {
    let (start, end) = ((START - 10) as u32, (START + 10) as u32);
    SearchTagsRequest { query: query.to_owned(), start, end, ..SearchTagsRequest::default() }
}

fn values_request(tag: &str) -> SearchTagValuesRequest {
    let (start, end) = ((START - 10) as u32, (START + 10) as u32);
    SearchTagValuesRequest { tag_name: tag.to_owned(), start, end, ..Default::default() }
}

async fn streamed<M: Message + Default>(
    client: &Client,
    method: &str,
    request: &impl Message,
) -> Vec<M> {
    let path = format!("/tempopb.StreamingQuerier/{method}");
    let outcome = client.call(&path, &[], &[framed(0, &request.encode_to_vec()).into()]).await;
    assert_eq!((outcome.http, outcome.code), (200, 0), "{outcome:?}");
    outcome.messages()
}

async fn over_http<M: Message + Default>(server: &Server, path: &str) -> M {
    let path = format!("{path}?start={}&end={}", START - 10, START + 10);
    let accept = [("Accept", "application/protobuf")];
    // What was read for the first answer is known for the next ones, which therefore cost the same.
    http::send(server.api, "GET", &path, &accept, b"").await;
    let answer = http::send(server.api, "GET", &path, &accept, b"").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    M::decode(&answer.body[..]).unwrap()
}

#[test]
fn streams_of_tags_end_with_the_answers_over_http_on_both_ports() {
    with_server(
        2,
        |_| {},
        |server| async move {
            sent(&server).await;
            let names: SearchTagsResponse = over_http(&server, "/api/search/tags").await;
            assert_eq!(names.tag_names, ["service.name"]);
            let scopes: SearchTagsV2Response = over_http(&server, "/api/v2/search/tags").await;
            let values = "/api/search/tag/service.name/values";
            let values: SearchTagValuesResponse = over_http(&server, values).await;
            assert_eq!(values.tag_values, ["shop"]);
            let typed = "/api/v2/search/tag/resource.service.name/values";
            let typed: SearchTagValuesV2Response = over_http(&server, typed).await;
            for address in [server.queries, server.api] {
                let client = Client::connect(address).await;
                let request = names_request("");
                let all = streamed(&client, "SearchTags", &request).await;
                assert_eq!(all.last(), Some(&names));
                let all = streamed(&client, "SearchTagsV2", &request).await;
                assert_eq!(all.last(), Some(&scopes));
                let request = values_request("service.name");
                let all = streamed(&client, "SearchTagValues", &request).await;
                assert_eq!(all.last(), Some(&values));
                let request = values_request("resource.service.name");
                let all = streamed(&client, "SearchTagValuesV2", &request).await;
                assert_eq!(all.last(), Some(&typed));
            }
        },
    );
}

#[test]
fn names_above_the_packet_size_come_in_several_messages() {
    with_server(
        1,
        |settings: &mut Settings| settings.api.grpc.packet_bytes_max = 100,
        |server| async move {
            sent(&server).await;
            let client = Client::connect(server.queries).await;
            let request = names_request("");
            let expected: SearchTagsV2Response = over_http(&server, "/api/v2/search/tags").await;
            let messages: Vec<SearchTagsV2Response> =
                streamed(&client, "SearchTagsV2", &request).await;
            assert!(messages.len() > 3, "{messages:?}");
            assert!(messages.iter().all(|message| message.encoded_len() < 200));
            assert!(messages.iter().all(|message| message.metrics == expected.metrics));
            let tags = |all: &[SearchTagsV2Response]| -> Vec<_> {
                let scopes = all.iter().flat_map(|message| &message.scopes);
                let named = |name: &str, tag| (name.to_owned(), tag);
                scopes
                    .flat_map(|scope| scope.tags.iter().map(|tag| named(&scope.name, tag.clone())))
                    .collect()
            };
            assert_eq!(tags(&messages), tags(&[expected]));
        },
    );
}

#[test]
fn names_of_some_spans_show_how_far_they_are_and_can_be_cancelled() {
    with_server(
        1,
        |_| {},
        |server| async move {
            sent(&server).await;
            let client = Client::connect(server.queries).await;
            let budget = &server.node.shard().budget;
            // What narrowed questions read with.
            let hog = budget.charge(Use::Query, budget.limit_for(Use::Query));
            let path = "/tempopb.StreamingQuerier/SearchTagsV2";
            let request = names_request("{ kind = server }");
            let response = client.begin(path, &request.encode_to_vec()).await;
            let mut body = response.await.unwrap().into_body();
            let first = body.data().await.unwrap().unwrap();
            let first = SearchTagsV2Response::decode(&first[5..]).unwrap();
            let expected = MetadataMetrics { total_jobs: 1, ..MetadataMetrics::default() };
            assert_eq!((first.scopes.len(), first.metrics), (0, Some(expected)));
            drop(body);
            let queries = concat!(
                r#"tempo_query_frontend_queries_total"#,
                r#"{tenant="single-tenant",op="metadata",result="canceled"} 1"#
            );
            let counted = async {
                while !http::get(server.api, "/metrics").await.text().contains(queries) {
                    sleep(Duration::from_millis(10)).await;
                }
            };
            // Sooner than it would be refused for want of memory.
            timeout(Duration::from_secs(5), counted).await.expect("cancelled");
            drop(hog);
            let all: Vec<SearchTagsV2Response> = streamed(&client, "SearchTagsV2", &request).await;
            let [.., last] = &all[..] else { panic!("no answer") };
            assert_eq!(last.scopes[0].tags, ["service.name"]);
        },
    );
}
