//! What tenants set for themselves, kept in an object store: versions of the store, several servers
//! at once, and a store that fails.
#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "common/bucket.rs"]
mod bucket;
mod common;

use std::cell::Cell;
use std::net::SocketAddr;

use bucket::{Bucket, is, s3_yaml};
use common::http::{self, Answer, Header, JSON};
use common::{Options, Server, wait};
use serde_json::{Value, json};
use stringendo_teststores::{Fault, Request};

/// A server whose tenants' own limits are where `client` says; it looks for changes every
/// `poll_interval`.
fn start(client: &str, poll_interval: &str) -> Server {
    let more_yaml = format!(
        "multitenancy_enabled: true
overrides:
  user_configurable_overrides:
    enabled: true
    poll_interval: {poll_interval}
    client:
{client}
"
    );
    Server::start(Options { overrides: "", more_yaml: more_yaml.leak(), ..Options::default() })
}

fn on_s3(address: SocketAddr, poll_interval: &str) -> Server {
    start(&format!("      backend: s3\n{}", s3_yaml(address, 6)), poll_interval)
}

/// A call on `/api/overrides` of tenant `a`.
fn call(api: &str, method: &str, version: Option<&str>, body: &Value) -> Answer {
    let mut headers: Vec<Header<'_>> = vec![("X-Scope-OrgID", "a"), ("Content-Type", JSON)];
    headers.extend(version.map(|version| ("If-Match", version)));
    http::send(method, api, &headers, body.to_string().as_bytes())
}

fn api(server: &Server) -> String {
    server.api_url("/api/overrides")
}

fn stored(server: &Server) -> Answer {
    call(&api(server), "GET", None, &Value::Null)
}

fn merged(server: &Server) -> Value {
    call(&format!("{}?scope=merged", api(server)), "GET", None, &Value::Null).ok().json()
}

fn collects_every(interval: &str) -> Value {
    json!({"metrics_generator": {"collection_interval": interval}})
}

/// Creates, reads, replaces and deletes by the versions that the server gives.
fn assert_versions(server: &mut Server) {
    let api = api(server);
    assert_eq!(stored(server).status, 404);
    assert_eq!(call(&api, "POST", Some("nonsense"), &json!({})).status, 412);
    let created = call(&api, "POST", Some("0"), &collects_every("30s")).ok();
    let first = created.header("etag").to_owned();
    assert_eq!(stored(server).ok().header("etag"), first);
    assert_eq!(call(&api, "POST", Some("0"), &json!({})).status, 412);
    let replaced = call(&api, "POST", Some(&first), &collects_every("60s")).ok();
    let second = replaced.header("etag").to_owned();
    assert_ne!(first, second);
    assert_eq!(call(&api, "POST", Some(&first), &json!({})).status, 412);
    server.restart();
    let found = stored(server).ok();
    assert_eq!((found.header("etag"), found.json()), (second.as_str(), collects_every("60s")));
    wait::until("it has effect", || (merged(server) == collects_every("60s")).then_some(()));
    assert_eq!(call(&api, "DELETE", Some(&first), &Value::Null).status, 412);
    assert_eq!(call(&api, "DELETE", Some(&second), &Value::Null).status, 200);
    assert_eq!(stored(server).status, 404);
    assert_eq!(merged(server), json!({}));
}

#[test]
fn s3_keeps_limits_with_versions_of_its_own() {
    let bucket = Bucket::new();
    let mut server = on_s3(bucket.proxy.address(), "1m");
    let object = bucket.path().join("some/prefix/a/overrides.json");
    let seen = call(&api(&server), "PATCH", None, &collects_every("45s")).ok();
    assert_eq!(std::fs::read(&object).unwrap(), seen.body, "where Tempo looks for it");
    let version = seen.header("etag").to_owned();
    assert_eq!(call(&api(&server), "DELETE", Some(&version), &Value::Null).status, 200);
    assert!(!object.exists());
    assert_versions(&mut server);
    let conditions = |name: &'static str| {
        bucket.proxy.count(move |request| request.method == "PUT" && request.header(name).is_some())
    };
    assert!(conditions("if-none-match") > 0 && conditions("if-match") > 0);
}

#[test]
fn gcs_keeps_limits() {
    let bucket = Bucket::unsigned();
    let client = format!(
        "      backend: gcs
      gcs: {{bucket_name: traces, endpoint: \"http://{}\", insecure: true}}",
        bucket.proxy.address()
    );
    assert_versions(&mut start(&client, "1m"));
    let creations = |request: &Request| {
        request.method == "PUT" && request.header("x-goog-if-generation-match") == Some("0")
    };
    assert!(bucket.proxy.count(creations) > 0);
}

#[test]
#[ignore = "needs Azurite: cargo xtask test"]
fn azure_keeps_limits_with_versions_of_its_own() {
    let address = std::env::var("AZURITE_ADDRESS").expect("cargo xtask test runs Azurite");
    let client = format!(
        "      backend: azure
      azure:
        container_name: traces
        prefix: overrides-{:x}
        endpoint_suffix: {address}
        storage_account_name: devstoreaccount1
        storage_account_key: Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFP\
         TOtr/KBHBeksoGMGw==",
        wait::unix_nanos()
    );
    assert_versions(&mut start(&client, "1m"));
}

/// Lets another server write, once, just before the first server's next write arrives.
fn let_other_write_between(bucket: &Bucket, other: &Server, version: &str, body: Value) {
    let (api, version) = (api(other), version.to_owned());
    let has_written = Cell::new(false);
    bucket.proxy.spoil(usize::MAX, Fault::Status(500), move |request| {
        if is("PUT", "overrides.json")(request) && !has_written.replace(true) {
            call(&api, "POST", Some(&version), &body).ok();
        }
        false
    });
}

#[test]
fn of_two_servers_that_write_at_once_none_overwrites_what_it_has_not_seen() {
    let bucket = Bucket::new();
    let one = on_s3(bucket.proxy.address(), "1m");
    let other = on_s3(bucket.server_address(), "1m");
    let created = call(&api(&one), "POST", Some("0"), &collects_every("20s")).ok();
    let version = created.header("etag").to_owned();
    let_other_write_between(&bucket, &other, &version, collects_every("40s"));
    let late = call(&api(&one), "POST", Some(&version), &collects_every("50s"));
    assert_eq!(late.status, 412, "{}", late.text());
    let now = stored(&one).ok();
    assert_eq!(now.json(), collects_every("40s"));
    bucket.proxy.heal();
    // A patch is laid over what the other has written.
    let theirs = json!({"forwarders": ["theirs"]});
    let_other_write_between(&bucket, &other, now.header("etag"), theirs);
    let ours = json!({"metrics_generator": {"disable_collection": true}});
    let both = call(&api(&one), "PATCH", None, &ours).ok().json();
    assert_eq!(both["forwarders"], json!(["theirs"]));
    assert_eq!(both["metrics_generator"]["disable_collection"], true);
    assert_eq!(stored(&other).ok().json(), both);
}

#[test]
fn a_poll_finds_what_another_server_has_set_or_deleted() {
    let bucket = Bucket::new();
    let one = on_s3(bucket.proxy.address(), "200ms");
    let other = on_s3(bucket.server_address(), "1m");
    let set = call(&api(&other), "POST", Some("0"), &collects_every("20s")).ok();
    let until = |expected: Value| {
        wait::until("a poll has found it", || (merged(&one) == expected).then_some(()));
    };
    until(collects_every("20s"));
    bucket.proxy.spoil(usize::MAX, Fault::Status(503), |_| true);
    assert_eq!(stored(&one).status, 500, "the store is away");
    assert_eq!(merged(&one), collects_every("20s"), "what was known stays");
    call(&api(&other), "DELETE", Some(set.header("etag")), &Value::Null).ok();
    bucket.proxy.heal();
    until(json!({}));
}

#[test]
fn a_write_whose_success_was_not_heard_of_is_a_success() {
    let bucket = Bucket::new();
    let server = on_s3(bucket.proxy.address(), "1m");
    bucket.proxy.spoil(1, Fault::FalseFailure, is("PUT", "overrides.json"));
    let created = call(&api(&server), "POST", Some("0"), &collects_every("20s")).ok();
    assert_eq!(stored(&server).ok().header("etag"), created.header("etag"));
}

#[test]
fn a_store_that_cannot_compare_and_write_in_one_step_is_written_to_all_the_same() {
    let bucket = Bucket::new();
    let mut server = on_s3(bucket.proxy.address(), "1m");
    let is_conditional = |request: &Request| {
        request.header("if-match").is_some() || request.header("if-none-match").is_some()
    };
    bucket.proxy.spoil(usize::MAX, Fault::Status(501), is_conditional);
    assert_versions(&mut server);
    assert!(server.log().contains("cannot compare and write in one step"));
}

#[test]
fn calls_fail_until_the_store_answers() {
    let bucket = Bucket::new();
    bucket.proxy.spoil(usize::MAX, Fault::Status(503), |_| true);
    let server = on_s3(bucket.proxy.address(), "200ms");
    assert_eq!(stored(&server).status, 500);
    assert_eq!(call(&api(&server), "POST", Some("0"), &json!({})).status, 500);
    bucket.proxy.heal();
    call(&api(&server), "POST", Some("0"), &collects_every("20s")).ok();
    assert_eq!(merged(&server), collects_every("20s"));
}

#[test]
fn a_directory_that_cannot_be_made_fails_calls_and_is_tried_again() {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = dir.path().join("own");
    std::fs::write(&path, "in the way").unwrap();
    let client =
        format!("      backend: local\n      local: {{path: {}/overrides}}", path.display());
    let server = start(&client, "200ms");
    assert_eq!(stored(&server).status, 500);
    std::fs::remove_file(&path).unwrap();
    wait::until("it is there", || (stored(&server).status == 404).then_some(()));
    call(&api(&server), "POST", Some("0"), &collects_every("20s")).ok();
}
