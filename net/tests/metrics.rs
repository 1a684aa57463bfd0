//! Metrics queries over HTTP, about the contract's fixture (traceql.md §0, §11), from live data and
//! from blocks.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod common;

use common::{Server, http, with_server};
use serde_json::Value as Json;
use stringendo_engine::TenantId;
use stringendo_oracle::{fixture, otlp};

/// A whole number of minutes.
const BASE: u64 = 1_700_000_040;

/// Queries about seconds 0 to 10 with a step of 1 s, and the points that are not 0.
const RANGES: &[(&str, &[&str])] = &[
    ("{} | rate()", &["__name__=rate 0:1 1:5 2:1 3:1 4:1 5:2 8:1"]),
    ("{} | max_over_time(duration)", &["__name__=max_over_time 0:1 1:0.4 2:0.1 3:0.05 4:2 5:0.1"]),
    (
        "{} | sum_over_time(traceDuration)",
        &["__name__=sum_over_time 0:1e9 1:5e9 2:1e8 3:1e8 4:2e9 5:4e9"],
    ),
    (
        "{} | count_over_time() by(.x)",
        &[".x=5 1:1", ".x=7 1:1", ".x=nil 0:1 1:3 2:1 3:1 4:1 5:2 8:1"],
    ),
    (
        "{} | count_over_time() by(.x, .foo)",
        &[
            ".foo=1 1:1",
            ".foo=bar 1:2",
            ".foo=leaf 5:1",
            ".foo=orphan 2:1 3:1",
            ".foo=r 4:1 5:1",
            ".x=nil 0:1 8:1",
            ".x=5 .foo=1 1:1",
            ".x=7 .foo=1.5 1:1",
        ],
    ),
    (
        "{} | count_over_time() by(resource.service.name, event:name)",
        &[
            "resource.service.name= 8:1",
            "resource.service.name=back 1:1",
            "resource.service.name=front 0:1 1:2",
            "resource.service.name=multi 4:1 5:2",
            "resource.service.name=orph 2:1 3:1",
            "resource.service.name=back event:name=plain 1:1",
            "resource.service.name=front event:name=exception 1:1",
        ],
    ),
    (
        "{ name =~ `A|B|C` } | histogram_over_time(duration)",
        &["__bucket=0.134217728 1:1", "__bucket=0.536870912 1:1", "__bucket=1.073741824 0:1"],
    ),
    (
        "{ name =~ `[B-F]` } | quantile_over_time(duration, .5, .9, 0, 1)",
        &["p=0 1:0.0474531", "p=0.5 1:0.1342177", "p=0.9 1:0.5368709", "p=1 1:0.5368709"],
    ),
    ("{} | quantile_over_time(.x, .5)", &["p=0.5 1:5.6568542"]),
    (
        "{} | max_over_time(duration) by(name) | topk(2)",
        &[
            "name=A 0:1",
            "name=B 1:0.4",
            "name=D 1:0.3",
            "name=G 2:0.1",
            "name=H 3:0.05",
            "name=I 4:2",
            "name=J 5:0.1",
            "name=K 5:0.01",
            "name=L",
        ],
    ),
    ("{} | max_over_time(duration) > 500ms", &["__name__=max_over_time 0:1 4:2"]),
    ("{} | rate() >= 1 != 5", &["__name__=rate 0:1 2:1 3:1 4:1 5:2 8:1"]),
    (
        "({ status = error } | count_over_time() by(resource.service.name)) / \
         ({} | count_over_time() by(resource.service.name))",
        &["resource.service.name=back 1:0.5", "resource.service.name=front 1:0.3333333"],
    ),
    (
        "({} | count_over_time()) * 100",
        &["__name__=count_over_time 0:100 1:500 2:100 3:100 4:100 5:200 8:100"],
    ),
    ("({} | count_over_time() > 2) * 10", &["__name__=count_over_time 1:50"]),
    ("({} | count_over_time() by(name)) * ({} | count_over_time() by(kind))", &[]),
];

/// Ranges of the answer's series: labels, and points that are not 0.
fn shown(answer: &Json) -> Vec<String> {
    let series = answer["series"].as_array().unwrap().iter();
    series
        .map(|series| {
            let labels = series["labels"].as_array().unwrap().iter().map(label);
            let samples = series["samples"].as_array().unwrap().iter();
            let samples = samples.filter(|sample| sample.get("value").is_some()).map(sample);
            labels.chain(samples).collect::<Vec<_>>().join(" ")
        })
        .collect()
}

fn label(label: &Json) -> String {
    let value = label["value"].as_object().unwrap().values().next().unwrap();
    let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    format!("{}={value}", label["key"].as_str().unwrap())
}

fn sample(sample: &Json) -> String {
    let time: u64 = sample["timestampMs"].as_str().unwrap().parse().unwrap();
    let value = (sample["value"].as_f64().unwrap() * 1e7).round() / 1e7;
    let value = if value >= 1e8 { format!("{value:e}") } else { value.to_string() };
    format!("{}:{value}", time / 1000 - BASE)
}

async fn get(server: &Server, path: &str, query: &str, rest: &str) -> (u16, String) {
    let encoded: String = form_urlencoded::byte_serialize(query.as_bytes()).collect();
    let answer = http::get(server.api, &format!("{path}?q={encoded}&{rest}")).await;
    (answer.status, answer.text().to_owned())
}

async fn range(server: &Server, query: &str, rest: &str) -> Json {
    let range = format!("start={BASE}&end={}&step=1s&{rest}", BASE + 10);
    let (status, text) = get(server, "/api/metrics/query_range", query, &range).await;
    assert_eq!(status, 200, "{query}: {text}");
    serde_json::from_str(&text).unwrap()
}

async fn instant(server: &Server, query: &str) -> Json {
    let range = format!("start={}&end={}", BASE - 1, BASE + 9);
    let (status, text) = get(server, "/api/metrics/query", query, &range).await;
    assert_eq!(status, 200, "{query}: {text}");
    serde_json::from_str(&text).unwrap()
}

async fn sent(server: &Server) {
    let traces = fixture::traces(BASE * 1_000_000_000);
    for trace in &traces {
        let request = otlp::request([trace]);
        server.node.ingest(&TenantId::single(), request).await.expect("accepted");
    }
}

#[test]
fn the_contracts_examples_are_answered_from_live_data_and_from_blocks() {
    with_server(
        2,
        |_| {},
        |server| async move {
            sent(&server).await;
            for state in ["live", "stored"] {
                for (query, expected) in RANGES {
                    let found = shown(&range(&server, query, "").await);
                    let found: Vec<&str> = found.iter().map(String::as_str).collect();
                    assert_eq!(found, *expected, "{state} {query}");
                }
                server.node.flush(None).await;
            }
        },
    );
}

#[test]
fn instant_queries_have_one_value_per_series() {
    with_server(
        2,
        |_| {},
        |server| async move {
            sent(&server).await;
            let rate = instant(&server, "{} | rate()").await;
            assert_eq!(rate["series"][0]["value"], 1.2);
            let labels = r#"[{"key":"__name__","value":{"stringValue":"rate"}}]"#;
            assert_eq!(rate["series"][0]["labels"].to_string(), labels);
            assert_eq!(rate["metrics"]["inspectedSpans"], "12");
            assert!(instant(&server, "{} | max_over_time(.nosuch)").await["series"].is_null());
        },
    );
}

#[test]
fn a_span_counts_once_while_its_segment_becomes_a_block() {
    with_server(
        2,
        |_| {},
        |server| async move {
            sent(&server).await;
            let flush = server.node.flush(None);
            let ask = async {
                let mut counts = Vec::new();
                for _ in 0..20 {
                    let answer = instant(&server, "{} | count_over_time()").await;
                    counts.push(answer["series"][0]["value"].as_f64().unwrap());
                }
                counts
            };
            let (_, counts) = futures_util::future::join(flush, ask).await;
            assert_eq!(counts, [12.0; 20]);
        },
    );
}

#[test]
fn compare_counts_in_blocks_what_it_counts_in_live_data() {
    with_server(
        2,
        |_| {},
        |server| async move {
            sent(&server).await;
            let query = "{ name =~ `[A-L]` } | compare({ status = error })";
            let live = shown(&range(&server, query, "").await);
            for expected in [
                "__meta_type=selection name=B 1:1",
                "__meta_type=selection_total status=nil 1:2",
                "__meta_type=baseline_total status=nil 0:1 1:3 2:1 3:1 4:1 5:2 8:1",
                "__meta_type=baseline span.foo=r 4:1 5:1",
                "__meta_type=selection resource.service.name=back 1:1",
                "__meta_type=baseline instrumentation.lang=go 0:1 1:2",
            ] {
                assert!(live.iter().any(|series| series == expected), "{expected}: {live:#?}");
            }
            server.node.flush(None).await;
            assert_eq!(shown(&range(&server, query, "").await), live);
        },
    );
}

#[test]
fn too_many_series_are_cut_and_said_to_be() {
    with_server(
        1,
        |settings| settings.api.metrics.series_max = 5,
        |server| async move {
            sent(&server).await;
            let query = "{} | rate() by(name)";
            let answer = range(&server, query, "maxSeries=2").await;
            assert_eq!(answer["series"].as_array().unwrap().len(), 2);
            assert_eq!(answer["status"], "PARTIAL");
            let message = "Response exceeds maximum series limit of 2, a partial response is \
                           returned. Warning: the accuracy of each individual value is not \
                           guaranteed.";
            assert_eq!(answer["message"], message);
            let answer = range(&server, query, "").await;
            assert_eq!(answer["series"].as_array().unwrap().len(), 5);
            let answer = range(&server, "{} | rate()", "").await;
            assert!(answer.get("status").is_none() && answer.get("message").is_none());
        },
    );
}

#[test]
fn exemplars_link_to_traces() {
    with_server(
        1,
        |_| {},
        |server| async move {
            sent(&server).await;
            let query = "{ span.foo != nil } | max_over_time(duration)";
            let answer = range(&server, query, "").await;
            let exemplars = answer["series"][0]["exemplars"].as_array().unwrap();
            assert_eq!(exemplars.len(), 3);
            let first: Vec<String> =
                exemplars[0]["labels"].as_array().unwrap().iter().map(label).collect();
            let id = "trace:id=00000000000000000000000000000001";
            assert_eq!(first, [id, "span.foo=bar", "duration=400ms"]);
            assert_eq!(exemplars[0]["value"], 0.4);
            assert_eq!(exemplars[0]["timestampMs"], format!("{}100", BASE));
            let none = range(&server, &format!("{query} with(exemplars=false)"), "").await;
            assert!(none["series"][0].get("exemplars").is_none());
        },
    );
}

#[test]
fn what_is_wrong_is_answered_with_400_and_a_text() {
    with_server(
        1,
        |_| {},
        |server| async move {
            let cases = [
                ("/api/metrics/query_range", "{", "parse error at line 1, col 2"),
                ("/api/metrics/query", "{", "compiling query: parse error at line 1, col 2"),
                ("/api/metrics/query_range", "{}", "not a metrics query"),
                ("/api/metrics/query", "{} | rate() | topk(0)", "compiling query: limit must be"),
            ];
            for (path, query, expected) in cases {
                let (status, text) = get(&server, path, query, "").await;
                assert_eq!(status, 400, "{path} {query}");
                assert!(text.starts_with(expected), "{path} {query}: {text}");
            }
            let (status, text) =
                get(&server, "/api/metrics/query_range", "{} | rate()", "start=5&end=5").await;
            assert_eq!((status, text.as_str()), (400, "end must be greater than start"));
        },
    );
}
