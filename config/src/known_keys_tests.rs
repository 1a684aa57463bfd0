use super::{ROOT, Row, Shape, State, each, known_keys, state_of};
use std::collections::HashSet;

/// Names that stand twice in one block, looking at every block once.
fn twice(rows: &'static [Row], path: &str, found: &mut Vec<String>) {
    let mut seen = HashSet::new();
    each(rows, &mut |name, _, shape| {
        let path = format!("{path}.{name}");
        if !seen.insert(name) {
            found.push(path.clone());
        }
        inside(shape, &path, found);
    });
}

fn inside(shape: Shape, path: &str, found: &mut Vec<String>) {
    match shape {
        Shape::Block(rows) | Shape::Instances(rows) => twice(rows, path, found),
        Shape::Map(shape) | Shape::List(shape) => inside(*shape, path, found),
        Shape::One(_) | Shape::Word(_) => {}
    }
}

#[test]
fn no_key_stands_twice_in_a_block() {
    let mut found = Vec::new();
    twice(ROOT, "", &mut found);
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn every_alias_points_at_a_key_that_is_no_alias() {
    for key in known_keys() {
        if let State::Alias(to) | State::Misplaced(to) = key.state {
            let target = state_of(to);
            assert!(
                matches!(target, Some(State::Served | State::NotYetServed)),
                "{} → {to}: {target:?}",
                key.path
            );
        }
    }
}

#[test]
fn the_table_knows_keys_of_every_section_of_the_contract() {
    let keys = known_keys();
    for (path, state) in [
        ("server.http_listen_port", State::Served),
        ("distributor.receivers.otlp.protocols.grpc.endpoint", State::Served),
        ("distributor.receivers.jaeger.protocols.thrift_http.endpoint", State::NotYetServed),
        ("distributor.receivers.otlp.protocols.grpc.tls.cert_file", State::Refused),
        ("ingester.lifecycler.ring.kvstore.store", State::NoEffect),
        ("memberlist.join_members", State::NoEffect),
        ("metrics_generator.registry.external_labels", State::NotYetServed),
        ("metrics_generator.processor.local_blocks.flush_to_storage", State::NotYetServed),
        ("querier.frontend_worker.frontend_address", State::NoEffect),
        ("storage.trace.s3.sse.kms_key_id", State::Served),
        ("cache.caches[].redis.route_by_latency", State::NoEffect),
        ("stringendo.wal.durability", State::Served),
    ] {
        let found = keys.iter().find(|key| key.path == path);
        assert_eq!(found.map(|key| key.state), Some(state), "{path}");
    }
    assert!(keys.len() > 900, "{}", keys.len());
}
