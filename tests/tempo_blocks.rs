//! Blocks that Tempo wrote, found in the data directory at the start or later.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::collections::BTreeMap;
use std::path::Path;

use common::corpus::{assert_equal, recorded, recorded_v4};
use common::http::query;
use common::{Options, Server, data_path, wait};
use serde_json::{Value, json};

/// The block of the corpus.
const BLOCK_ID: &str = "945fc1d4-153f-42ea-b142-3df5e9d9f809";

/// Tempo's blocks of the corpus, of every version that is read.
const BLOCKS: [&str; 4] = ["vparquet5", "vparquet5-dedicated", "vparquet4", "vparquet3"];

/// The corpus lies in January 2026.
const RANGE: [(&str, &str); 2] = [("start", "1768470000"), ("end", "1768490000")];

fn copy_dir(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_dir(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn server_with(block: &str) -> Server {
    Server::start_on(Options::default(), |dir| {
        copy_dir(&data_path(&format!("blocks/{block}")), &dir.join("blocks"));
    })
}

/// A copy of a block's directory under another id, whose meta says so and is then changed.
fn copy_block(tenant_dir: &Path, id: &str, change: impl FnOnce(String) -> String) {
    copy_block_of("vparquet5", BLOCK_ID, tenant_dir, id, change);
}

fn copy_block_of(
    name: &str,
    block: &str,
    tenant_dir: &Path,
    id: &str,
    change: impl FnOnce(String) -> String,
) {
    let copy = tenant_dir.join(id);
    copy_dir(&data_path(&format!("blocks/{name}/single-tenant")).join(block), &copy);
    let meta = std::fs::read_to_string(copy.join("meta.json")).unwrap().replace(block, id);
    std::fs::write(copy.join("meta.json"), change(meta)).unwrap();
}

fn blocks_listed(server: &Server) -> f64 {
    server.metric("tempodb_blocklist_length", &[("tenant", "single-tenant")])
}

#[test]
fn a_block_of_tempo_is_listed_and_answers_every_trace() {
    let server = server_with("vparquet5");
    assert_eq!(blocks_listed(&server), 1.0);
    assert_equal(&server, "a block of Tempo's", &recorded());
}

#[test]
fn a_block_with_dedicated_columns_of_its_own_answers_every_trace() {
    let server = server_with("vparquet5-dedicated");
    assert_eq!(blocks_listed(&server), 1.0);
    assert_equal(&server, "a block with other dedicated columns", &recorded_elsewhere());
}

#[test]
fn a_vparquet4_block_of_tempo_answers_every_trace() {
    let server = server_with("vparquet4");
    assert_eq!(blocks_listed(&server), 1.0);
    assert_equal(&server, "a vParquet4 block", &recorded_v4());
}

#[test]
fn a_vparquet3_block_of_tempo_answers_what_it_keeps_of_every_trace() {
    let server = server_with("vparquet3");
    assert_eq!(blocks_listed(&server), 1.0);
    let mut traces = recorded_v4();
    traces.retain(|_, trace| is_kept_by_vparquet3(trace));
    assert!(traces.len() > 190, "{}", traces.len());
    assert_equal(&server, "a vParquet3 block", &traces);
}

#[test]
fn vparquet3_blocks_are_merged_into_one_of_vparquet4_that_answers_the_same() {
    const OLD: &str = "3f64549d-2de5-4a54-9c5c-c29acacd03e2";
    let yaml = "compactor: {compaction: {compaction_cycle: 200ms, block_retention: 100000h}}\n";
    let options = Options { budget_mib: 256, more_yaml: yaml, ..Options::default() };
    let server = Server::start_on(options, |dir| {
        let tenant = dir.join("blocks/single-tenant");
        for id in [OLD, "00000000-0000-4000-8000-000000000003"] {
            copy_block_of("vparquet3", OLD, &tenant, id, |meta| meta);
        }
    });
    wait::until("they are merged", || {
        let merged = server.metric("tempodb_compaction_blocks_total", &[]);
        (merged >= 2.0 && blocks_listed(&server) == 1.0).then_some(())
    });
    let metas = std::fs::read_dir(server.tenant_dir()).unwrap();
    let metas = metas
        .filter_map(|block| std::fs::read_to_string(block.unwrap().path().join("meta.json")).ok());
    let metas: Vec<_> = metas.collect();
    assert!(metas.len() == 1 && metas[0].contains("vParquet4"), "{metas:?}");
    let mut traces = recorded_v4();
    traces.retain(|_, trace| is_kept_by_vparquet3(trace));
    assert_equal(&server, "merged", &traces);
    // Of spans that the block has twice one is left, so that counts differ.
    let found = |server: &Server| {
        about_links(server).into_iter().filter(|answer| answer.get("series").is_none())
    };
    assert!(found(&server).eq(found(&server_with("vparquet3"))));
}

/// Whether there is nothing that vParquet3 loses: attributes of scopes, some counts, values of
/// bytes, and attributes without a value.
fn is_kept_by_vparquet3(trace: &Value) -> bool {
    let keeps_scope = |scopes: &Value| {
        let scope = &scopes["scope"];
        scope.get("attributes").or(scope.get("droppedAttributesCount")).is_none()
    };
    let resources = trace["resourceSpans"].as_array().into_iter().flatten();
    let keeps_owners = |owner: &Value| {
        owner["resource"].get("droppedAttributesCount").is_none()
            && owner["scopeSpans"].as_array().unwrap().iter().all(keeps_scope)
    };
    let text = trace.to_string();
    resources.into_iter().all(keeps_owners)
        && !text.contains(r#"{"bytesValue":"#)
        && !text.contains(r#""value":{}"#)
}

/// What was recorded comes from a block where other attributes have columns of their own. Such a
/// column keeps no empty list, no list of one value as a list, and of a key that comes twice the
/// last value; two traces hold such attributes, which a block without those columns keeps.
fn recorded_elsewhere() -> BTreeMap<String, Value> {
    let mut traces = recorded();
    let mut change = |id: &str, put: Vec<Value>, takes: &str| {
        let trace = traces.get_mut(id).unwrap();
        let attributes = trace.pointer_mut("/resourceSpans/0/scopeSpans/0/spans/0/attributes");
        let attributes = attributes.unwrap().as_array_mut().unwrap();
        attributes.retain(|attribute| attribute["key"] != takes);
        attributes.splice(..0, put);
    };
    let list = |key: &str, values: Value| json!({"key": key, "value": {"arrayValue": values}});
    let lists = vec![
        list("http.response.status_code", json!({})),
        list("server.address", json!({})),
        list("server.port", json!({"values": [{"intValue": "80"}]})),
    ];
    change("3fbda02f41509f082aef59a0bfe9a013", lists, "server.port");
    let text = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
    let first = vec![text("http.request.method", "GET"), text("http.url", "http://a")];
    change("51d67a5ac0b0e0bbd50d5b146b1c0abe", first, "");
    traces
}

#[test]
fn searches_find_the_traces_of_tempos_blocks() {
    for block in BLOCKS {
        let server = server_with(block);
        let all = server.search(&[RANGE[0], RANGE[1], ("limit", "1000")]);
        let mut found: Vec<_> = all.iter().map(|trace| padded(&trace["traceID"])).collect();
        found.sort();
        let recorded: Vec<_> = recorded().into_keys().collect();
        assert_eq!(found, recorded, "{block}");
        let name = ("q", r#"{ name = "ints" && span.i.42 = 42 }"#);
        let one = server.search(&[RANGE[0], RANGE[1], name]);
        assert_eq!(one.len(), 1, "{block}");
        assert_eq!(one[0]["traceID"], "e9272fc425312929a8b39a772cc41b5a");
        assert_eq!(one[0]["spanSets"][0]["matched"], 1);
        let none = ("q", r#"{ name = "nobody's" }"#);
        assert_eq!(server.search(&[RANGE[0], RANGE[1], none]).len(), 0, "{block}");
    }
}

/// Queries over links, and how many traces match.
const LINK_QUERIES: [(&str, usize); 9] = [
    (r#"{ link:traceID = "6079d59b9972dab734442cb509801236" }"#, 1),
    (r#"{ link:spanID =~ ".*" }"#, 3),
    (r#"{ link:spanID = "3a79c1458f1574a6" && name = "links" }"#, 1),
    (r#"{ link.link.type = "follows" && link.link.n > 1 }"#, 1),
    (r#"{ link.link.n = 3 || link.link.type = 2 }"#, 0),
    (r#"{ link.opentracing.ref_type != nil } | count() = 1"#, 1),
    (r#"{ link.opentracing.ref_type =~ "child.*" || link.link.n = 2 } | select(link.link.n)"#, 2),
    (r#"{ link:traceID != "" } >> { true }"#, 1),
    (r#"{ name = "links" } && { link.nobodys = nil }"#, 1),
];

/// Answers to questions about links.
fn about_links(server: &Server) -> Vec<Value> {
    let range = [RANGE[0], RANGE[1], ("limit", "1000")];
    let mut answers = Vec::new();
    for (query, traces) in LINK_QUERIES {
        let found = server.search(&[&range[..], &[("q", query)]].concat());
        assert_eq!(found.len(), traces, "{query}: {found:?}");
        answers.extend(found);
    }
    let range = query(&[RANGE[0], RANGE[1]]);
    let by_type = query(&[("q", "{} | count_over_time() by(link.link.type)"), ("step", "1h")]);
    for path in [
        format!("/api/metrics/query_range?{range}&{by_type}"),
        format!("/api/v2/search/tags?scope=link&{range}"),
        format!("/api/v2/search/tags?scope=link&{range}&{}", query(&[("q", "{ name = `links` }")])),
        format!("/api/v2/search/tag/link.link.type/values?{range}"),
        format!("/api/v2/search/tag/link.link.n/values?{range}"),
        format!(
            "/api/v2/search/tag/link.link.n/values?{range}&{}",
            query(&[("q", "{ kind != 9 }")])
        ),
        format!("/api/v2/search/tag/link.nobodys/values?{range}"),
    ] {
        let mut answer = server.get(&path).ok().json();
        answer.as_object_mut().unwrap().remove("metrics");
        answers.push(answer);
    }
    answers
}

#[test]
fn links_of_vparquet3_are_found_as_those_of_later_versions() {
    let expected = about_links(&server_with("vparquet5"));
    let text = Value::from(expected.clone()).to_string();
    assert!(text.contains("follows") && text.contains("opentracing.ref_type"), "{text}");
    let server = server_with("vparquet3");
    assert_eq!(about_links(&server), expected);
    let made = || server.metric("stringendo_block_filters_rebuilt_total", &[]);
    wait::until("filters are made", || (made() > 0.0).then_some(()));
    assert_eq!(about_links(&server), expected, "with filters");
}

/// Searches leave out leading zeros.
fn padded(id: &serde_json::Value) -> String {
    format!("{:0>32}", id.as_str().unwrap())
}

#[test]
fn a_block_that_arrives_while_the_server_runs_is_found_by_the_next_poll() {
    let arguments = vec!["-storage.trace.blocklist-poll=1s".to_owned()];
    let server = Server::start(Options { arguments, ..Options::default() });
    assert_eq!(blocks_listed(&server), 0.0);
    copy_dir(&data_path("blocks/vparquet5"), &server.dir().join("blocks"));
    wait::until("the block is listed", || (blocks_listed(&server) == 1.0).then_some(()));
    assert_equal(&server, "a block that arrived later", &recorded());
}

#[test]
fn blocks_that_cannot_be_read_are_told_once_and_do_not_disturb_the_others() {
    let (old, torn) =
        ("00000000-0000-4000-8000-000000000004", "0000000a-0000-4000-8000-00000000000a");
    let arguments = vec!["-storage.trace.blocklist-poll=1s".to_owned()];
    let server = Server::start_on(Options { arguments, ..Options::default() }, |dir| {
        copy_dir(&data_path("blocks/vparquet5"), &dir.join("blocks"));
        let tenant = dir.join("blocks/single-tenant");
        copy_block(&tenant, old, |meta| meta.replace("vParquet5", "vParquet2"));
        copy_block(&tenant, torn, |meta| meta[..meta.len() / 2].to_owned());
    });
    assert_eq!(blocks_listed(&server), 1.0);
    assert_equal(&server, "a block beside others that cannot be read", &recorded());
    let all = server.search(&[RANGE[0], RANGE[1], ("limit", "1000")]);
    assert_eq!(all.len(), recorded().len());
    let polls = || server.metric("tempodb_blocklist_poll_duration_seconds_count", &[]);
    wait::until("the list is read three times", || (polls() >= 3.0).then_some(()));
    for (id, reason) in [(old, "unsupported_version"), (torn, "unreadable_meta")] {
        let skipped = "stringendo_blocklist_skipped_blocks_total";
        let labels = [("tenant", "single-tenant"), ("reason", reason)];
        assert_eq!(server.metric(skipped, &labels), 1.0, "{reason}");
        let log = server.log();
        assert_eq!(log.lines().filter(|line| line.contains(id)).count(), 1, "{log}");
    }
    assert!(server.log().contains("version=vParquet2"), "{}", server.log());
}
