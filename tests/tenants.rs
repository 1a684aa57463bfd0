//! A thousand tenants with hostile names: each is refused or has its own data alone, live and from
//! blocks, by id, search, tags and metrics; and nothing is written outside of the data directories.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::collections::BTreeSet;
use std::path::Path;

use common::http::{Header, X_PROTOBUF};
use common::{Options, Server, http, spans};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

const TENANTS: usize = 1000;

/// What contract http-api.md §1.1 allows.
fn is_allowed(name: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"!-_.*'()".contains(&byte);
    (1..=150).contains(&name.len()) && name.bytes().all(good) && name != "." && name != ".."
}

/// Names that mean something to paths, globs, shells, URLs, logs, or to this server.
const INFAMOUS: &[&str] = &[
    ".",
    "..",
    "...",
    ".a",
    "a.",
    "..a",
    "a..",
    "../a",
    "../../etc",
    "a/b",
    "/a",
    "a/",
    "a\\b",
    "..\\a",
    "%2e%2e",
    "%2F",
    "a%00",
    "a b",
    "*",
    "**",
    "a*",
    "?",
    "[a]",
    "{a}",
    "(a)",
    "!",
    "!!",
    "'",
    "''",
    "a'b",
    "\"",
    "`a`",
    "$HOME",
    "${HOME}",
    "~",
    "~root",
    "-",
    "--",
    "-rf",
    "a|b",
    "a||b",
    "|",
    "a|../b",
    "a;b",
    "a&b",
    "a=b",
    "a,b",
    "a:b",
    "a@b",
    "a#b",
    "a+b",
    "single-tenant",
    "overrides.json",
    "meta.json",
    "index.json.gz",
    "wal",
    "blocks",
    "con",
    "nul",
    "A",
    "a",
    "B",
    "b",
    "__proto__",
    "null",
    "true",
    "0",
    "-1",
    "1e9",
    "_",
    "__name__",
];

fn infamous() -> Vec<String> {
    let mut all: Vec<String> = INFAMOUS.iter().map(ToString::to_string).collect();
    all.extend([150, 151, 255, 4096].map(|length| "x".repeat(length)));
    all.extend([75, 76].map(|pairs| "..".repeat(pairs)));
    all
}

/// Distinct names, the same on every run.
fn names() -> Vec<String> {
    let mut runner = TestRunner::deterministic();
    let allowed = "[A-Za-z0-9!\\-_.*'()]{1,12}";
    let anything = "[ -~]{1,12}";
    let mut names: BTreeSet<String> = infamous().into_iter().collect();
    while names.len() < TENANTS {
        for pattern in [allowed, allowed, allowed, anything] {
            let strategy = proptest::string::string_regex(pattern).unwrap();
            names.insert(seen(&strategy.new_tree(&mut runner).unwrap().current()).to_owned());
        }
    }
    names.into_iter().collect()
}

fn header(name: &str) -> Header<'_> {
    ("X-Scope-OrgID", name)
}

/// The name without the blanks around it, as every HTTP server sees it.
fn seen(name: &str) -> &str {
    name.trim_matches([' ', '\t'])
}

/// Every tenant has the same trace, with the same ids, of a service of its own.
fn request(number: usize) -> Vec<u8> {
    spans::of_service(&service(number), &spans::trace_id(1), &2_u64.to_be_bytes())
}

fn service(number: usize) -> String {
    format!("service-{number:04}")
}

/// What a tenant sees must be its own service and no other's.
fn assert_alone(what: &str, name: &str, number: usize, text: &str) {
    let mut services: Vec<&str> = text.split("service-").skip(1).map(|rest| &rest[..4]).collect();
    services.sort_unstable();
    services.dedup();
    assert_eq!(services, [format!("{number:04}")], "{what} of {name:?}: {text}");
}

fn assert_isolated(server: &Server, tenants: &[(usize, String)], where_from: &str) {
    let metrics = http::query(&[("q", "{} | count_over_time() by (resource.service.name)")]);
    let pages = [
        format!("/api/traces/{}", spans::hex(1)),
        format!("/api/search?{}", http::query(&[("q", "{ resource.service.name =~ \".*\" }")])),
        "/api/v2/search/tag/resource.service.name/values".to_owned(),
        format!("/api/metrics/query?{metrics}"),
    ];
    for (number, name) in tenants {
        for page in &pages {
            let answer = server.get_as(page, &[header(name)]).ok();
            assert_alone(&format!("{where_from} {page}"), name, *number, answer.text());
        }
    }
}

fn entries(dir: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(dir).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn a_thousand_tenants_with_hostile_names_are_refused_or_alone_with_their_data() {
    let more_yaml = "multitenancy_enabled: true\nquery_frontend: {query_end_cutoff: 0s}\n";
    let server = Server::start(Options { cores: 2, more_yaml, ..Options::default() });
    let mut tenants = Vec::new();
    for (number, name) in names().into_iter().enumerate() {
        let headers = [("Content-Type", X_PROTOBUF), header(&name)];
        let answer = server.export_with(&headers, &request(number));
        let expected = match seen(&name) {
            "" => 503,
            name if is_allowed(name) => 200,
            _ => 400,
        };
        assert_eq!(answer.status, expected, "{name:?}");
        let found = server.get_as("/api/search?q={}", &[header(&name)]).status;
        let readable = seen(&name).split('|').all(is_allowed);
        let expected = if seen(&name).is_empty() { 401 } else { 400 };
        assert_eq!(found, if readable { 200 } else { expected }, "{name:?}");
        if is_allowed(seen(&name)) {
            tenants.push((number, seen(&name).to_owned()));
        }
    }
    assert!(tenants.len() > TENANTS / 2, "{}", tenants.len());
    assert_isolated(&server, &tenants, "live");
    server.flush();
    assert_isolated(&server, &tenants, "from a block");
    let own: BTreeSet<String> = tenants.into_iter().map(|(_, name)| name).collect();
    assert_eq!(entries(&server.dir().join("blocks")), own);
    let expected = ["blocks", "config.yaml", "log.txt", "wal"].map(str::to_owned);
    assert_eq!(entries(server.dir()), BTreeSet::from(expected));
}

#[test]
fn discarded_spans_are_logged_with_their_tenant_where_that_is_asked_for() {
    let overrides = "\
overrides:
  defaults: {ingestion: {rate_limit_bytes: 1, burst_size_bytes: 300, max_traces_per_user: 1}}
";
    let arguments = vec![
        "-distributor.log-discarded-spans.enabled".to_owned(),
        "-distributor.log-discarded-spans.include-attributes".to_owned(),
    ];
    let server = Server::start(Options { overrides, arguments, ..Options::default() });
    for number in 1..=9 {
        server.export(X_PROTOBUF, &spans::numbered(number));
    }
    let log = server.log();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("message=discarded")).collect();
    assert_eq!(lines.len(), 8, "{log}");
    for line in lines {
        for part in ["tenant=single-tenant", "spanid=", "span_name=\"GET /\"", "span_kind=server"] {
            assert!(line.contains(part), "{part}: {line}");
        }
    }
    assert!(log.contains(&spans::hex(2)) && log.contains(&spans::hex(9)));
}

/// The one block of a tenant.
fn block_of(server: &Server, tenant: &str) -> std::path::PathBuf {
    let dir = server.dir().join("blocks").join(tenant);
    let blocks = entries(&dir);
    assert_eq!(blocks.len(), 1);
    dir.join(blocks.first().unwrap())
}

#[test]
fn blocks_of_two_tenants_with_one_id_are_kept_apart() {
    let more_yaml = "multitenancy_enabled: true\nquery_frontend: {query_end_cutoff: 0s}\n";
    let mut server = Server::start(Options { more_yaml, ..Options::default() });
    let tenants = [(1, "one".to_owned()), (2, "two".to_owned())];
    for (number, name) in &tenants {
        let headers = [("Content-Type", X_PROTOBUF), header(name)];
        server.export_with(&headers, &request(*number)).ok();
    }
    server.flush();
    assert!(server.terminate().success());
    let (one, two) = (block_of(&server, "one"), block_of(&server, "two"));
    let (id, other) = (one.file_name().unwrap(), two.file_name().unwrap());
    let meta = std::fs::read_to_string(two.join("meta.json")).unwrap();
    let meta = meta.replace(other.to_str().unwrap(), id.to_str().unwrap());
    std::fs::write(two.join("meta.json"), meta).unwrap();
    std::fs::rename(&two, two.with_file_name(id)).unwrap();
    server.start_again();
    for _ in 0..2 {
        assert_isolated(&server, &tenants, "from blocks of one id");
    }
}
