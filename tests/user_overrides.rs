//! `/api/overrides`: what tenants set for themselves, with versions, kept over a restart.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::http::Header;
use common::{Answer, JSON, Options, Server, http, wait};
use serde_json::{Value, json};

const OVERRIDES: &str = "\
overrides:
  per_tenant_override_config: overrides.yaml
  per_tenant_override_period: 50ms
  user_configurable_overrides:
    enabled: true
    poll_interval: 100ms
    client: {backend: local, local: {path: user-overrides}}
    api: {check_for_conflicting_runtime_overrides: true}
";

fn start() -> Server {
    let more_yaml = "multitenancy_enabled: true\n";
    let options = Options { cores: 2, overrides: OVERRIDES, more_yaml, ..Options::default() };
    Server::start_on(options, |dir| {
        let file = "overrides: {operated: {metrics_generator: {collection_interval: 20s}}}\n";
        std::fs::write(dir.join("overrides.yaml"), file).unwrap();
    })
}

fn call(
    server: &Server,
    tenant: &str,
    method: &str,
    version: Option<&str>,
    body: &Value,
) -> Answer {
    call_with(server, tenant, (method, ""), version, body.to_string().as_bytes())
}

fn call_with(
    server: &Server,
    tenant: &str,
    (method, query): (&str, &str),
    version: Option<&str>,
    body: &[u8],
) -> Answer {
    let mut headers: Vec<Header<'_>> = vec![("X-Scope-OrgID", tenant), ("Content-Type", JSON)];
    headers.extend(version.map(|version| ("If-Match", version)));
    http::send(method, &server.api_url(&format!("/api/overrides{query}")), &headers, body)
}

fn get(server: &Server, tenant: &str, query: &str) -> Answer {
    server.get_as(&format!("/api/overrides{query}"), &[("X-Scope-OrgID", tenant)])
}

fn collects_every(interval: &str) -> Value {
    json!({"metrics_generator": {"collection_interval": interval}})
}

#[test]
fn limits_are_created_read_replaced_and_deleted_by_their_version() {
    let mut server = start();
    let none = get(&server, "a", "");
    assert_eq!((none.status, none.text()), (404, ""));
    assert_eq!(call(&server, "a", "POST", None, &collects_every("30s")).status, 428);
    assert_eq!(call(&server, "a", "POST", Some("5"), &collects_every("30s")).status, 412);
    let created = call(&server, "a", "POST", Some("0"), &collects_every("30s")).ok();
    assert_eq!(created.text(), "");
    let version = created.header("etag").to_owned();
    let stored = get(&server, "a", "").ok();
    assert_eq!((stored.header("etag"), stored.header("content-type")), (version.as_str(), JSON));
    assert_eq!(stored.json(), collects_every("30s"));
    assert_eq!(get(&server, "b", "").status, 404, "another tenant has none");
    assert_eq!(call(&server, "a", "POST", Some("0"), &json!({})).status, 412);
    let replaced = call(&server, "a", "POST", Some(&version), &collects_every("60s")).ok();
    assert_eq!(call(&server, "a", "POST", Some(&version), &json!({})).status, 412);
    let version = replaced.header("etag").to_owned();
    server.restart();
    assert_eq!(get(&server, "a", "").ok().json(), collects_every("60s"));
    assert_eq!(call(&server, "a", "DELETE", None, &json!({})).status, 428);
    assert_eq!(call(&server, "a", "DELETE", Some("1"), &json!({})).status, 412);
    assert_eq!(call(&server, "a", "DELETE", Some(&version), &json!({})).status, 200);
    assert_eq!(call(&server, "a", "DELETE", Some(&version), &json!({})).status, 404);
    assert_eq!(get(&server, "a", "").status, 404);
}

#[test]
fn a_patch_merges_creates_and_needs_no_version() {
    let server = start();
    let created = call(&server, "a", "PATCH", None, &collects_every("30s")).ok();
    assert_eq!(created.json(), collects_every("30s"));
    let more = json!({"forwarders": ["x"], "metrics_generator": {"disable_collection": true}});
    let patched = call(&server, "a", "PATCH", None, &more).ok();
    let expected = json!({"forwarders": ["x"], "metrics_generator":
        {"collection_interval": "30s", "disable_collection": true}});
    assert_eq!(patched.json(), expected);
    assert_eq!(get(&server, "a", "").ok().header("etag"), patched.header("etag"));
    let gone = json!({"metrics_generator": null});
    let patched = call(&server, "a", "PATCH", None, &gone).ok();
    assert_eq!(patched.json(), json!({"forwarders": ["x"]}));
}

#[test]
fn what_cannot_be_is_refused_and_changes_nothing() {
    let server = start();
    let bad: [(&[u8], &str); 5] = [
        (b"{\"ingestion\":{}}", "unknown field \"ingestion\""),
        (b"{\"metrics_generator\":{\"collection_interval\":\"1s\"}}", "from 15s to 5m"),
        (b"{", "EOF"),
        (b"[]", "invalid type"),
        (b"", "EOF"),
    ];
    for (body, expected) in bad {
        let answer = call_with(&server, "a", ("POST", ""), Some("0"), body);
        assert_eq!(answer.status, 400);
        assert!(answer.text().contains(expected), "{}", answer.text());
        assert_eq!(call_with(&server, "a", ("PATCH", ""), None, body).status, 400);
    }
    let large = vec![b' '; 300 << 10];
    assert_eq!(call_with(&server, "a", ("POST", ""), Some("0"), &large).status, 413);
    assert_eq!(get(&server, "a", "?scope=all").status, 400);
    assert_eq!(call(&server, "a", "PUT", None, &json!({})).status, 405);
    assert_eq!(call(&server, "a|b", "POST", Some("0"), &json!({})).status, 400);
    assert_eq!(server.get("/api/overrides").status, 401);
    assert_eq!(get(&server, "a", "").status, 404);
}

#[test]
fn patches_add_up_to_no_more_than_can_be_read_again() {
    let server = start();
    let names: Vec<String> = (0..20_000).map(|name| format!("{name:08}")).collect();
    let patch = |body: Value| call(&server, "a", "PATCH", None, &body);
    patch(json!({"forwarders": names})).ok();
    let more =
        json!({"metrics_generator": {"processor": {"host_info": {"host_identifiers": names}}}});
    let refused = patch(more);
    assert_eq!(refused.status, 413);
    assert!(refused.text().contains("overrides of more than 262144 bytes"), "{}", refused.text());
    let stored = get(&server, "a", "").ok().json();
    assert_eq!(stored["forwarders"].as_array().unwrap().len(), names.len());
    patch(json!({"forwarders": null})).ok();
    // Short text that is long when it is written again.
    let numbers = vec!["1e9"; 60_000].join(",");
    let buckets = json!({"metrics_generator": {"processor": {"span_metrics": {
        "histogram_buckets": ["numbers"]
    }}}});
    let buckets = buckets.to_string().replace("\"numbers\"", &numbers);
    assert!(buckets.len() < 250 << 10);
    assert_eq!(call_with(&server, "a", ("PATCH", ""), None, buckets.as_bytes()).status, 413);
    assert_eq!(get(&server, "a", "").ok().json(), json!({}));
}

#[test]
fn what_the_operator_has_set_is_shown_merged_and_cannot_be_set_unless_asked_for() {
    let server = start();
    let merged = get(&server, "operated", "?scope=merged").ok().json();
    assert_eq!(merged, collects_every("20s"));
    let refused = call(&server, "operated", "PATCH", None, &collects_every("40s"));
    assert_eq!(refused.status, 400);
    assert!(refused.text().contains("conflicting"), "{}", refused.text());
    let skipping = ("PATCH", "?skip-conflicting-overrides-check=true");
    let body = collects_every("40s").to_string();
    call_with(&server, "operated", skipping, None, body.as_bytes()).ok();
    let merged = get(&server, "operated", "?scope=merged").ok().json();
    assert_eq!(merged, collects_every("40s"));
}

#[test]
fn what_others_write_to_the_backend_is_found_by_the_next_poll() {
    let server = start();
    let dir = server.dir().join("user-overrides/a");
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join("overrides.json"), collects_every("45s").to_string()).unwrap();
    let merged = || get(&server, "a", "?scope=merged").ok().json();
    wait::until("it is found", || (merged() == collects_every("45s")).then_some(()));
    std::fs::write(dir.join("overrides.json"), "no JSON").unwrap();
    let failed = "tempo_overrides_user_configurable_overrides_reload_failed_total";
    wait::until("it is told", || (server.metric(failed, &[]) > 0.0).then_some(()));
    assert_eq!(merged(), collects_every("45s"), "what was known stays");
    assert_eq!(get(&server, "a", "").status, 500);
}

#[test]
fn pages_show_who_has_limits_of_its_own() {
    let server = start();
    call(&server, "it's", "PATCH", None, &collects_every("30s")).ok();
    let json = [("Accept", JSON)];
    let all = server.get_as("/status/overrides", &json).ok().json();
    let expected = json!([
        {"name": "it's", "has_runtime_overrides": false, "has_user_configurable_overrides": true},
        {"name": "operated", "has_runtime_overrides": true,
         "has_user_configurable_overrides": false},
    ]);
    assert_eq!(all["tenants"], expected);
    assert!(all["now"].is_string());
    let html = server.get("/status/overrides").ok();
    assert_eq!(html.header("content-type"), "text/html; charset=utf-8");
    assert!(html.text().contains("it&#39;s") && !html.text().contains("it's"));
    let one = server.get("/status/overrides/operated").ok();
    assert!(one.text().contains("collection_interval: 20s"), "{}", one.text());
    assert_eq!(server.get("/status/overrides/a%2Fb").status, 400);
    let yaml = server.get("/status/runtime_config").ok();
    assert!(yaml.text().starts_with("---\ndefaults:\n  compaction:\n"), "{}", yaml.text());
    assert!(yaml.text().contains("\noverrides:\n  \"operated\":\n    compaction:\n"));
    let diff = server.get("/status/runtime_config?mode=diff").ok();
    assert!(diff.text().contains("      rate_limit_bytes: 0\n"), "{}", diff.text());
    assert_eq!(server.get("/status/runtime_config?mode=x").status, 500);
}

#[test]
fn without_being_enabled_there_is_no_such_path() {
    let server = Server::start(Options::default());
    assert_eq!(server.get("/api/overrides").status, 404);
}
