//! Names and values of tags over random traces: from summaries and from spans, from live data and
//! from blocks, they are those that a plain look at the traces gives.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use common::{settings, with_engine};
use stringendo_engine::query::tags::TagScope;
use stringendo_engine::{Node, TagLimits, TagNamesRequest, TagValuesRequest, TenantId};
use stringendo_oracle::dice::Dice;
use stringendo_oracle::rows::{Attributes, Span, Trace, Value};
use stringendo_oracle::{otlp, random_trace};
use stringendo_proto::tempopb::{SearchTagValuesV2Response, SearchTagsV2Response};
use stringendo_traceql::narrow::{Narrowing, parse_tag};

const BASE_UNIX_NANOS: u64 = 1_700_000_000_000_000_000;
const UNLIMITED: TagLimits = TagLimits { count: 0, stale: 0, bytes: 0, blocks: 0 };
/// A condition that every span meets, so that spans are looked at.
const ALL_SPANS: &str = "{ duration >= 0ns }";

type Names = BTreeMap<String, BTreeSet<String>>;
type Values = BTreeSet<(String, String)>;

/// The lists of attributes that a span has in a scope.
fn lists<'a>(span: &'a Span, scope: &str) -> Vec<&'a Attributes> {
    match scope {
        "resource" => vec![&span.resource],
        "instrumentation" => vec![&span.scope.attributes],
        "span" => vec![&span.attributes],
        "event" => span.events.iter().map(|event| &event.attributes).collect(),
        _ => span.links.iter().map(|link| &link.attributes).collect(),
    }
}

const SCOPES: [&str; 5] = ["resource", "span", "event", "link", "instrumentation"];

fn spans(traces: &[Trace], counts: fn(&Span) -> bool) -> impl Iterator<Item = &Span> {
    traces.iter().flat_map(|trace| &trace.spans).filter(move |span| counts(span))
}

/// What a resource without a name is stored without.
fn is_kept(scope: &str, key: &str, value: &Value) -> bool {
    !(scope == "resource" && key == "service.name" && *value == Value::Str(String::new()))
}

fn expected_names(traces: &[Trace], counts: fn(&Span) -> bool) -> Names {
    let mut names = Names::new();
    for span in spans(traces, counts) {
        for scope in SCOPES {
            let all = lists(span, scope).into_iter().flatten();
            for (key, _) in all.filter(|(key, value)| is_kept(scope, key, value)) {
                names.entry(scope.to_owned()).or_default().insert(key.clone());
            }
        }
    }
    names
}

fn add(value: &Value, values: &mut Values) {
    let (kind, text) = match value {
        Value::Str(text) => ("string", text.clone()),
        Value::Int(number) => ("int", number.to_string()),
        Value::Float(number) => ("float", format!("{number:?}")),
        Value::Bool(truth) => ("bool", truth.to_string()),
        Value::Array(items) => {
            let kinds: BTreeSet<_> =
                items.iter().map(std::mem::discriminant).map(|k| format!("{k:?}")).collect();
            if kinds.len() == 1 {
                items.iter().for_each(|item| add(item, values));
            }
            return;
        }
        Value::Map => return,
    };
    values.insert((kind.to_owned(), text));
}

fn expected_values(
    traces: &[Trace],
    counts: fn(&Span) -> bool,
    scopes: &[&str],
    key: &str,
) -> Values {
    let mut values = Values::new();
    for span in spans(traces, counts) {
        for scope in scopes {
            for list in lists(span, scope) {
                if let Some(value) = list.get(key) {
                    add(value, &mut values);
                }
            }
            if *scope == "resource" && key == "service.name" && span.service().is_empty() {
                values.insert(("string".to_owned(), String::new()));
            }
        }
    }
    values
}

fn narrowing(query: &str) -> Option<Narrowing> {
    Narrowing::of(query, 100).expect("few alternatives")
}

async fn names(node: &Node, query: &str) -> Names {
    let request = TagNamesRequest {
        scopes: TagScope::ALL.into(),
        narrowing: narrowing(query),
        start_unix_nanos: 0,
        end_unix_nanos: u64::MAX,
        limits: UNLIMITED,
    };
    let answer = node.tag_names(&[TenantId::single()], request).await.expect("an answer").value;
    let SearchTagsV2Response { scopes, .. } = answer.into_v2();
    let texts = |texts: Vec<bytes::Bytes>| texts.iter().map(|text| string(text)).collect();
    scopes.into_iter().map(|scope| (scope.name, texts(scope.tags))).collect()
}

fn string(text: &[u8]) -> String {
    String::from_utf8(text.to_vec()).expect("UTF-8")
}

async fn values(node: &Node, tag: &str, query: &str) -> Values {
    let (field, source) = parse_tag(tag).expect("a tag");
    let request = TagValuesRequest {
        tag: field,
        source,
        narrowing: narrowing(query),
        start_unix_nanos: 0,
        end_unix_nanos: u64::MAX,
        limits: UNLIMITED,
    };
    let answer = node.tag_values(&[TenantId::single()], request).await.expect("an answer").value;
    let SearchTagValuesV2Response { tag_values, .. } = answer.into_v2();
    tag_values.iter().map(|value| (string(&value.kind), string(&value.value))).collect()
}

/// Everything that can be asked, in every way.
async fn check(node: &Node, traces: &[Trace], state: &str) {
    let all: fn(&Span) -> bool = |_| true;
    let errors: fn(&Span) -> bool = |span| span.status == 2;
    let ways = [("", all), (ALL_SPANS, all), ("{ status = error }", errors)];
    for (query, counts) in ways {
        let expected = expected_names(traces, counts);
        assert_eq!(names(node, query).await, expected, "{state} {query}");
        for (scope, keys) in &expected {
            for key in keys {
                let tag = format!("{scope}.\"{key}\"");
                let expected = expected_values(traces, counts, &[scope], key);
                assert_eq!(values(node, &tag, query).await, expected, "{state} {tag} {query}");
            }
        }
        for key in expected.get("span").into_iter().flatten() {
            let expected = expected_values(traces, counts, &["span", "resource"], key);
            let tag = format!(".\"{key}\"");
            assert_eq!(values(node, &tag, query).await, expected, "{state} {tag} {query}");
        }
        let texts = |texts: BTreeSet<&str>| -> Values {
            texts.into_iter().map(|text| ("string".to_owned(), text.to_owned())).collect()
        };
        let of =
            |text: fn(&Span) -> Vec<&str>| texts(spans(traces, counts).flat_map(text).collect());
        let intrinsics: [(&str, Values); 5] = [
            ("name", of(|span| vec![&span.name])),
            ("statusMessage", of(|span| vec![&span.message])),
            ("instrumentation:name", of(|span| vec![&span.scope.name])),
            ("instrumentation:version", of(|span| vec![&span.scope.version])),
            ("event:name", of(|span| span.events.iter().map(|e| e.name.as_str()).collect())),
        ];
        for (tag, expected) in intrinsics {
            assert_eq!(values(node, tag, query).await, expected, "{state} {tag} {query}");
        }
    }
    // What depends on the trace is the same whether a summary answers or the spans.
    for tag in ["rootName", "rootServiceName", "event:timeSinceStart", "span:childCount"] {
        let from_summary = values(node, tag, "").await;
        assert_eq!(from_summary, values(node, tag, ALL_SPANS).await, "{state} {tag}");
        assert!(!from_summary.is_empty(), "{state} {tag}");
    }
}

#[test]
fn names_and_values_are_those_of_the_spans_live_stored_and_both() {
    let mut dice = Dice::new(7);
    let traces = random_trace::traces(&mut dice, 60, BASE_UNIX_NANOS);
    let traces = Arc::new(traces);
    let dir = Arc::new(tempfile::tempdir().expect("a directory"));
    with_engine(2, settings(dir.path()), move |node| {
        let traces = Arc::clone(&traces);
        async move {
            let tenant = TenantId::single();
            for (number, part) in traces.chunks(20).enumerate() {
                let request = otlp::request(part);
                node.ingest(&tenant, request).await.expect("accepted");
                let so_far = &traces[..(number + 1) * 20];
                // Twice, so that a summary that is kept answers too; live data has grown since.
                check(&node, so_far, "live").await;
                check(&node, so_far, "live again").await;
                if number > 0 {
                    assert!(node.flush(None).await, "flushed");
                    check(&node, so_far, "stored").await;
                }
            }
        }
    });
}

#[test]
fn answers_end_at_their_limits() {
    let traces: Vec<Trace> = (0..100_u64)
        .map(|number| {
            let id = u128::from(number + 1).to_be_bytes();
            let span = Span {
                id: number + 1,
                name: format!("name {number:04}"),
                start_unix_nanos: BASE_UNIX_NANOS,
                attributes: [(format!("key {number:04}"), Value::Int(1))].into(),
                ..Span::default()
            };
            Trace::new(id, vec![span])
        })
        .collect();
    let dir = Arc::new(tempfile::tempdir().expect("a directory"));
    with_engine(2, settings(dir.path()), move |node| {
        let request = otlp::request(&traces);
        async move {
            let tenant = TenantId::single();
            node.ingest(&tenant, request).await.expect("accepted");
            for _state in ["live", "stored"] {
                for (limits, expected) in [
                    (UNLIMITED, 100),
                    (TagLimits { count: 7, ..UNLIMITED }, 7),
                    // Each has nine bytes.
                    (TagLimits { bytes: 90, ..UNLIMITED }, 10),
                ] {
                    let (tag, source) = parse_tag("name").expect("a tag");
                    let request = TagValuesRequest {
                        tag,
                        source,
                        narrowing: None,
                        start_unix_nanos: 0,
                        end_unix_nanos: u64::MAX,
                        limits,
                    };
                    let answer = node
                        .tag_values(std::slice::from_ref(&tenant), request)
                        .await
                        .expect("an answer");
                    assert_eq!(answer.value.into_v2().tag_values.len(), expected);
                    let request = TagNamesRequest {
                        scopes: vec![TagScope::Span],
                        narrowing: None,
                        start_unix_nanos: 0,
                        end_unix_nanos: u64::MAX,
                        limits,
                    };
                    let answer = node
                        .tag_names(std::slice::from_ref(&tenant), request)
                        .await
                        .expect("an answer")
                        .value;
                    let names: usize =
                        answer.into_v2().scopes.iter().map(|scope| scope.tags.len()).sum();
                    // Keys have eight bytes.
                    assert_eq!(names, if limits.bytes == 90 { 11 } else { expected });
                }
                assert!(node.flush(None).await, "flushed");
            }
        }
    });
}
