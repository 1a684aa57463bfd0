use super::{Ports, sample};

#[test]
fn samples_are_found_by_their_whole_name() {
    assert_eq!(sample("wal_bytes_total 12", "wal_bytes_total"), Some(12.0));
    assert_eq!(sample("errors_total{tenant=\"a b\"} 3", "errors_total"), Some(3.0));
    assert_eq!(sample("errors_total_more 3", "errors_total"), None);
    assert_eq!(sample("# HELP errors_total Errors", "errors_total"), None);
}

#[test]
fn free_ports_differ() {
    let Ports { http, otlp_grpc, otlp_http, grpc } = Ports::free().unwrap();
    let mut ports = vec![http, otlp_grpc, otlp_http, grpc];
    ports.sort_unstable();
    ports.dedup();
    assert_eq!(ports.len(), 4);
}
