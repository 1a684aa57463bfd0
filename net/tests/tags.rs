//! Names and values of tags over HTTP: the contract's examples and what Tempo answered, from live
//! data and from blocks.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::http::{self, Answer};
use common::{Server, data, with_server};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use prost::Message;
use serde_json::{Value as Json, json};
use stringendo_engine::TenantId;
use stringendo_oracle::{fixture, otlp};
use stringendo_proto::tempopb::{
    SearchTagValuesResponse, SearchTagValuesV2Response, SearchTagsResponse, SearchTagsV2Response,
};
use stringendo_proto::wire::delimited;

const BASE_SECONDS: u64 = 1_700_000_000;
const RANGE: &str = "start=1699999990&end=1700000020";

async fn send_fixture(server: &Server) {
    let traces = fixture::traces(BASE_SECONDS * 1_000_000_000);
    let request = otlp::request(&traces);
    server.node.ingest(&TenantId::single(), request).await.unwrap();
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// The answer for a tag as `type:value`, narrowed by `q`.
async fn values(server: &Server, tag: &str, q: &str) -> BTreeSet<String> {
    let path = format!("/api/v2/search/tag/{}/values?{RANGE}&q={}", encoded(tag), encoded(q));
    let answer = http::get(server.api, &path).await;
    assert_eq!(answer.status, 200, "{tag} {q}: {}", answer.text());
    let answer = answer.json();
    let values = answer["tagValues"].as_array().unwrap().iter();
    let text = |value: &Json| {
        format!("{}:{}", value["type"].as_str().unwrap(), value["value"].as_str().unwrap_or(""))
    };
    values.map(text).collect()
}

fn set<const N: usize>(texts: [&str; N]) -> BTreeSet<String> {
    texts.map(str::to_owned).into()
}

fn strings<const N: usize>(texts: [&str; N]) -> BTreeSet<String> {
    texts.map(|text| format!("string:{text}")).into()
}

/// Names by scope, narrowed by `q`.
async fn names(server: &Server, q: &str) -> BTreeMap<String, BTreeSet<String>> {
    let path = format!("/api/v2/search/tags?{RANGE}&q={}", encoded(q));
    scopes(&http::get(server.api, &path).await.json())
}

fn scopes(answer: &Json) -> BTreeMap<String, BTreeSet<String>> {
    let scopes = answer["scopes"].as_array().unwrap().iter();
    let texts = |texts: &Json| {
        texts.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
    };
    scopes
        .map(|scope| (scope["name"].as_str().unwrap().to_owned(), texts(&scope["tags"])))
        .collect()
}

/// Runs `check` on the fixture, live and after a flush.
fn on_the_fixture<F, Fut>(check: F)
where
    F: Fn(Server) -> Fut + Copy + Send + Sync + 'static,
    Fut: Future<Output = Server>,
{
    with_server(
        2,
        |_| {},
        move |server| async move {
            send_fixture(&server).await;
            let server = check(server).await;
            assert!(server.node.flush(None).await);
            check(server).await;
        },
    );
}

#[test]
fn names_are_grouped_by_scope_and_narrowed() {
    on_the_fixture(|server| async move {
        let all = names(&server, "").await;
        assert_eq!(
            all["span"],
            set(["bytes", "code", "dup", "flag", "foo", "method", "nums", "ratio", "tags", "x"])
        );
        assert_eq!(all["resource"], set(["cluster", "dup", "num", "region", "service.name"]));
        assert_eq!(all["event"], set(["n", "type"]));
        assert_eq!(all["link"], set(["rel"]));
        assert_eq!(all["instrumentation"], set(["lang"]));
        assert_eq!(all["intrinsic"].len(), 25);
        let of_back = names(&server, "{ resource.service.name = \"back\" }").await;
        assert_eq!(of_back["span"], set(["foo", "x"]));
        assert_eq!(of_back["resource"], set(["cluster", "dup", "service.name"]));
        assert!(!of_back.contains_key("event"), "its only event has no attributes");
        assert_eq!(of_back["intrinsic"], all["intrinsic"]);
        let of_c = names(&server, "{ span:name = \"C\" } | count() > 7").await;
        assert_eq!(of_c["span"], set(["bytes", "flag", "foo"]));
        assert_eq!((&of_c["event"], &of_c["link"]), (&all["event"], &all["link"]));
        for no_narrowing in ["{ name = \"A\" } >> {}", "{ .a = ", "{ status = 3 }", "{"] {
            assert_eq!(names(&server, no_narrowing).await, all, "{no_narrowing}");
        }
        server
    });
}

#[test]
fn values_have_types_and_are_narrowed() {
    on_the_fixture(|server| async move {
        let server = &server;
        let all = |tag| values(server, tag, "");
        assert_eq!(
            all(".foo").await,
            set(["string:bar", "int:1", "float:1.5", "string:orphan", "string:r", "string:leaf"])
        );
        assert_eq!(all("span.code").await, set(["int:200", "string:500", "int:404"]));
        assert_eq!(all(".dup").await, strings(["span", "res-front", "res-back"]));
        assert_eq!(all("span.dup").await, strings(["span"]));
        assert_eq!(all("resource.num").await, set(["int:5"]));
        assert_eq!(all(".tags").await, strings(["x", "y"]));
        assert_eq!(all(".nums").await, set(["int:1", "int:2", "int:3"]));
        assert_eq!(all("span.flag").await, set(["bool:true", "bool:false"]));
        assert_eq!(all("event:name").await, strings(["exception", "retry", "plain"]));
        assert_eq!(all("event.type").await, strings(["IOErr", "Second"]));
        assert_eq!(all("link.rel").await, strings(["follows", "second"]));
        assert!(all("instrumentation:name").await.contains("string:libA"));
        assert_eq!(all("instrumentation.lang").await, strings(["go"]));
        assert_eq!(all("statusMessage").await, strings(["", "boom"]));
        assert_eq!(
            all("resource.service.name").await,
            strings(["front", "back", "orph", "multi", ""])
        );
        assert_eq!(all("rootServiceName").await, strings(["front", "", "multi"]));
        assert_eq!(all("trace:rootName").await.len(), 4);
        assert_eq!(all(".nosuch").await, set([]));
        let back = "{ resource.service.name=\"back\" && name = }";
        assert_eq!(values(server, "name", back).await, strings(["E", "F"]));
        assert_eq!(
            values(server, "name", "{ resource.service.name=\"back\"").await,
            strings(["E", "F"])
        );
        let either = "{ name = \"A\" || resource.cluster = \"c2\" }";
        assert_eq!(values(server, "resource.cluster", "{ name = \"A\" }").await, strings(["c1"]));
        assert_eq!(values(server, ".foo", either).await, set(["int:1", "float:1.5"]));
        assert_eq!(
            values(server, "event.type", "{ event:name = \"retry\" }").await,
            strings(["IOErr", "Second"])
        );
        assert_eq!(values(server, ".x", "{ .x > 5 }").await, set(["int:7"]));
        assert_eq!(values(server, ".foo", "{ .x != nil }").await, set(["int:1", "float:1.5"]));
        server.clone()
    });
}

#[test]
fn a_literal_for_the_tag_itself_is_its_value() {
    on_the_fixture(|server| async move {
        let server = &server;
        assert_eq!(values(server, ".foo", "{ .foo = \"nobody\" }").await, strings(["nobody"]));
        assert_eq!(values(server, ".x", "{ name = \"A\" && .x = 99 }").await, set(["int:99"]));
        let either = "{ .x = 99 || name = \"F\" }";
        assert_eq!(values(server, ".x", either).await, set(["int:99", "int:7"]));
        server.clone()
    });
}

#[test]
fn statuses_and_kinds_are_keywords_and_ids_and_durations_are_not_listed() {
    on_the_fixture(|server| async move {
        let server = &server;
        let none = "{ name = \"nobody\" }";
        let status = set(["keyword:ok", "keyword:error", "keyword:unset"]);
        for tag in ["status", "span:status"] {
            assert_eq!(values(server, tag, none).await, status, "{tag}");
        }
        for tag in ["kind", "span:kind"] {
            assert_eq!(values(server, tag, none).await.len(), 6, "{tag}");
        }
        for tag in [
            "duration",
            "span:duration",
            "traceDuration",
            "trace:id",
            "span:id",
            "span:parentID",
            "link:traceID",
            "link:spanID",
            "trace:duration",
        ] {
            assert_eq!(values(server, tag, "").await, set([]), "{tag}");
        }
        server.clone()
    });
}

#[test]
fn version_one_answers_texts() {
    on_the_fixture(|server| async move {
        let list = async |path: &str, key: &str| -> Vec<String> {
            let answer = http::get(server.api, &format!("{path}?{RANGE}")).await;
            let answer = answer.json();
            let texts = answer[key].as_array().unwrap().iter();
            texts.map(|text| text.as_str().unwrap().to_owned()).collect()
        };
        let values =
            async |tag: &str| list(&format!("/api/search/tag/{tag}/values"), "tagValues").await;
        let names = list("/api/search/tags", "tagNames").await;
        assert_eq!(names.first().map(String::as_str), Some("bytes"));
        assert!(names.is_sorted() && names.contains(&"lang".to_owned()), "{names:?}");
        assert!(!names.contains(&"duration".to_owned()));
        assert_eq!(values("service.name").await, ["", "back", "front", "multi", "orph"]);
        assert_eq!(values("foo").await, ["1", "1.5", "bar", "leaf", "orphan", "r"]);
        assert_eq!(values("name").await.len(), 12);
        assert_eq!(values("status.code").await, ["error", "ok", "unset"]);
        assert_eq!(values("error").await, ["true"]);
        let intrinsic = http::get(server.api, "/api/search/tags?scope=intrinsic").await.json();
        assert_eq!(intrinsic["tagNames"].as_array().unwrap().len(), 25);
        server
    });
}

async fn ask(server: &Server, path: &str, accept: &str) -> Answer {
    let answer = http::send(server.api, "GET", path, &[("Accept", accept)], b"").await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer
}

#[test]
fn answers_come_in_every_format() {
    on_the_fixture(|server| async move {
        let proto = async |path: &str| {
            let path = format!("/api{path}?{RANGE}");
            ask(&server, &path, "application/protobuf").await.body
        };
        let names = SearchTagsResponse::decode(&proto("/search/tags").await[..]).unwrap();
        assert_eq!(names.tag_names[0], "bytes");
        let names = SearchTagsV2Response::decode(&proto("/v2/search/tags").await[..]).unwrap();
        assert_eq!(names.scopes.len(), 6);
        assert!(names.metrics.unwrap().total_jobs > 0);
        let values = proto("/search/tag/region/values").await;
        let values = SearchTagValuesResponse::decode(&values[..]).unwrap();
        assert_eq!(values.tag_values, ["eu"]);
        let values = proto("/v2/search/tag/resource.num/values").await;
        let values = SearchTagValuesV2Response::decode(&values[..]).unwrap();
        assert_eq!(
            (&values.tag_values[0].kind[..], &values.tag_values[0].value[..]),
            (&b"int"[..], &b"5"[..])
        );
        let path = format!("/api/v2/search/tag/span.code/values?{RANGE}");
        let answer = ask(&server, &path, "application/vnd.grafana.llm").await;
        assert_eq!(answer.header("content-type"), Some("application/vnd.grafana.llm+json"));
        let expected = json!({"string": ["500"], "int": ["200", "404"]});
        assert_eq!(answer.json()["tagValues"], expected);
        server
    });
}

#[test]
fn what_makes_no_sense_is_refused_with_a_text() {
    with_server(
        1,
        |_| {},
        |server| async move {
            let many: Vec<String> = (0..101).map(|number| format!(".a = {number}")).collect();
            let many = format!(
                "/api/v2/search/tags?q={}",
                encoded(&format!("{{ {} }}", many.join(" || ")))
            );
            let cases = [
                ("/api/v2/search/tags?scope=elsewhere", "invalid scope: elsewhere"),
                (
                    "/api/search/tags?start=5&end=5",
                    "start must be before end. received start=5 end=5",
                ),
                ("/api/v2/search/tags?start=5", "values for both start and end"),
                ("/api/v2/search/tags?start=0&end=900000", "exceeds 168h0m0s"),
                ("/api/v2/search/tags?limit=x", "invalid limit: "),
                (
                    "/api/v2/search/tag/foo/values",
                    "please provide a valid tagName: failed to parse identifier foo: parse error \
                     at line 1, col 2: unknown identifier: foo",
                ),
                (
                    &many,
                    "maximum condition groups reached (limit: 100). Reduce the number of OR \
                     conditions in the query",
                ),
            ];
            for (path, expected) in cases {
                let answer = http::get(server.api, path).await;
                assert_eq!(answer.status, 400, "{path}");
                assert!(answer.text().contains(expected), "{path}: {}", answer.text());
            }
        },
    );
}

#[test]
fn what_is_outside_of_the_range_does_not_count() {
    on_the_fixture(|server| async move {
        let count = async |query: &str| {
            let path = format!("/api/v2/search/tag/name/values?{query}");
            http::get(server.api, &path).await.json()["tagValues"].as_array().unwrap().len()
        };
        assert_eq!(count("start=1&end=2").await, 0);
        assert_eq!(count("").await, 0, "the last minutes");
        assert_eq!(count(RANGE).await, 12);
        assert_eq!(count("start=2023-11-14T22:13:00Z&end=1700000020000000000").await, 12);
        assert_eq!(count(&format!("{RANGE}&limit=5")).await, 5);
        // With a narrowing, each trace counts or not: these are T3's.
        let third = format!("start={}&end={}", BASE_SECONDS + 4, BASE_SECONDS + 6);
        assert_eq!(count(&format!("{third}&q=%7Bduration%3E0ns%7D")).await, 3);
        server
    });
}

#[test]
fn answers_are_those_that_tempo_gave() {
    with_server(
        2,
        // The answers were recorded without dedicated columns.
        |settings| settings.engine.block.dedicated_columns.clear(),
        |server| async move {
            let corpus = data("golden/golden.otlp.pb");
            for request in delimited(&corpus) {
                let request = corpus.slice_ref(request.unwrap());
                server.node.ingest(&TenantId::single(), request).await.unwrap();
            }
            check_golden(&server).await;
            assert!(server.node.flush(None).await);
            check_golden(&server).await;
        },
    );
}

async fn check_golden(server: &Server) {
    let golden: Json = serde_json::from_slice(&data("golden/golden.json")).unwrap();
    let cases = golden["cases"].as_array().unwrap().iter();
    let mut checked = 0;
    for case in cases.filter(|case| case["path"].as_str().unwrap().contains("/search/tag")) {
        let params = case["params"].as_object().unwrap().iter();
        let params: Vec<String> = params
            .map(|(name, value)| format!("{name}={}", encoded(value.as_str().unwrap())))
            .collect();
        let path = format!("{}?{}", case["path"].as_str().unwrap(), params.join("&"));
        let answer = http::get(server.api, &path).await;
        assert_eq!(u64::from(answer.status), case["status"].as_u64().unwrap(), "{path}");
        if answer.status == 200 {
            let found = canonical(&answer.json(), case["compare"].as_str().unwrap());
            let expected = sorted(&case["answer"]);
            assert_eq!(found, expected, "{path}");
        }
        checked += 1;
    }
    assert_eq!(checked, 9);
}

fn canonical(answer: &Json, form: &str) -> Json {
    match form {
        "strings" => {
            let key = if answer.get("tagNames").is_some() { "tagNames" } else { "tagValues" };
            sorted(&answer[key])
        }
        "scopes" => sorted(&json!(scopes(answer))),
        _ => {
            let values = answer["tagValues"].as_array().unwrap().iter();
            let value = |value: &Json| {
                let text = value["value"].as_str().unwrap_or("");
                json!({"type": value["type"], "value": text})
            };
            sorted(&values.map(value).collect())
        }
    }
}

/// Lists sorted by the text of their items.
fn sorted(json: &Json) -> Json {
    match json {
        Json::Array(items) => {
            let mut items: Vec<Json> = items.iter().map(sorted).collect();
            items.sort_by_key(Json::to_string);
            Json::Array(items)
        }
        Json::Object(map) => map.iter().map(|(key, value)| (key.clone(), sorted(value))).collect(),
        other => other.clone(),
    }
}
