use super::check;
use crate::node::{Node, parse};
use crate::value::FromNode;
use crate::warning::{Warning, WarningKind};

fn checked(source: &str) -> (Node, Vec<Warning>) {
    let mut tree = parse(source).unwrap();
    let warnings = check(&mut tree, false).unwrap();
    (tree, warnings)
}

fn refused(source: &str, strict: bool) -> String {
    check(&mut parse(source).unwrap(), strict).unwrap_err().to_string()
}

fn text(tree: &Node, path: &str) -> String {
    String::from_node(tree.at(path).unwrap()).unwrap()
}

#[test]
fn unknown_keys_are_warnings_with_their_line() {
    let (_, warnings) = checked("target: all\nserver:\n  http_port: 80\nfoo: {bar: 1}\n");
    let shown: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        [
            "line 3: `server.http_port`: no such key; it is ignored",
            "line 4: `foo`: no such key; it is ignored",
        ]
    );
    assert!(warnings.iter().all(|warning| warning.kind == WarningKind::UnknownKey));
}

#[test]
fn unknown_keys_are_fatal_in_strict_mode() {
    assert_eq!(
        refused("server:\n  http_port: 80\n", true),
        "failed parsing config: line 2: `server.http_port`: no such key"
    );
}

#[test]
fn wrong_types_are_fatal_with_line_and_key() {
    for (source, message) in [
        (
            "server:\n  http_listen_port: many\n",
            "line 2: `server.http_listen_port`: expected an integer from 0 to 65535, found `many`",
        ),
        ("server: 5\n", "line 1: `server`: expected a map of keys"),
        (
            "ingester:\n\n  trace_idle_period: 5x\n",
            "line 3: `ingester.trace_idle_period`: `5x` is not a duration",
        ),
        ("multitenancy_enabled: 1\n", "line 1: `multitenancy_enabled`: expected true or false"),
        (
            "memberlist:\n  join_members: a\n",
            "line 2: `memberlist.join_members`: expected a list of texts, found `a`",
        ),
        (
            "cache:\n  caches:\n  - roles: [bloom]\n    memcached: {timeout: soon}\n",
            "line 4: `cache.caches[0].memcached.timeout`: `soon` is not a duration",
        ),
        ("server: {log_level: loud}\n", "`loud` is none of debug, info, warn, error"),
        ("[1, 2]", "line 1: `the file`: expected a map of keys"),
    ] {
        let error = refused(source, false);
        assert!(error.starts_with("failed parsing config: line "), "{error}");
        assert!(error.contains(message), "{error}\nlacks\n{message}");
    }
}

#[test]
fn several_errors_are_named_in_one_line() {
    let error = refused("target: [x]\nserver:\n  http_listen_port: x\n", false);
    assert!(error.contains("line 1: ") && error.contains("; line 3: "), "{error}");
    assert!(!error.contains('\n'));
}

#[test]
fn a_block_that_is_not_served_warns_once_and_an_empty_one_never() {
    let (_, warnings) = checked("metrics_generator:\n  storage: {path: /x}\n  processor:\n");
    assert_eq!(warnings.len(), 1);
    assert_eq!(warnings[0].kind, WarningKind::NotYetServed);
    assert!(warnings[0].text.starts_with("`metrics_generator` is accepted"));
    assert!(checked("metrics_generator:\n  storage: {}\ncache:\n").1.is_empty());
}

#[test]
fn keys_without_meaning_here_are_silent() {
    let source = "memberlist: {join_members: [a]}\n\
                  querier: {frontend_worker: {frontend_address: b}}\n\
                  usage_report: {reporting_enabled: true}\n";
    assert!(checked(source).1.is_empty());
}

#[test]
fn aliases_move_to_their_paths_and_misplaced_ones_warn() {
    let (tree, warnings) = checked(
        "auth_enabled: true\nstorage:\n  trace:\n    bloom_filter_shard_size_bytes: 5\n\
         limits:\n  per_tenant_override_config: /x\n\
         overrides:\n  metrics_generator_ring_size: 3\n",
    );
    assert_eq!(text(&tree, "multitenancy_enabled"), "true");
    assert_eq!(text(&tree, "storage.trace.block.bloom_filter_shard_size_bytes"), "5");
    assert_eq!(text(&tree, "overrides.per_tenant_override_config"), "/x");
    assert!(tree.at("storage.trace.bloom_filter_shard_size_bytes").is_none());
    let kinds: Vec<_> = warnings.iter().map(|warning| warning.kind).collect();
    use WarningKind::{Deprecated, NotYetServed};
    assert_eq!(kinds, [Deprecated, Deprecated, Deprecated, NotYetServed]);
}

#[test]
fn the_real_key_wins_over_its_alias() {
    let (tree, _) = checked(
        "compactor:\n  compaction:\n    retention_duration: 72h\n    block_retention: 168h\n",
    );
    assert_eq!(text(&tree, "compactor.compaction.block_retention"), "168h");
}

#[test]
fn unknown_receivers_and_empty_instance_names_are_fatal() {
    let error = refused("distributor:\n  receivers:\n    otpl:\n", false);
    assert!(error.contains("line 3: `distributor.receivers.otpl`: unknown type"), "{error}");
    assert!(error.contains("otlp, jaeger, zipkin, opencensus, kafka"), "{error}");
    assert!(refused("distributor:\n  receivers:\n    otlp/:\n", false).contains("nothing follows"));
}

#[test]
fn tls_is_refused_rather_than_ignored() {
    for source in [
        "server:\n  http_tls_config: {cert_file: a, key_file: b}\n",
        "distributor: {receivers: {otlp: {protocols: {grpc: {tls: {cert_file: a}}}}}}\n",
    ] {
        assert!(refused(source, false).contains("not supported yet"), "{source}");
    }
    assert!(checked("server:\n  http_tls_config: {cert_file:}\n").1.is_empty());
}

#[test]
fn what_is_not_served_and_switched_off_is_silent() {
    let off = "query_frontend: {mcp_server: {enabled: false}}\n\
               overrides: {per_tenant_override_config: ''}\n";
    assert!(checked(off).1.is_empty());
    assert_eq!(checked("query_frontend: {mcp_server: {enabled: true}}\n").1.len(), 1);
}
