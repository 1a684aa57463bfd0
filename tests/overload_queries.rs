//! More queries than little memory can take, while more spans are sent than fit: queries are
//! answered or refused, spans too, memory stays within the budget, and nothing stays charged.

mod common;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::wait::until;
use common::{Options, Server, http, load};
use stringendo_loadgen::process::usage;

const SEARCHERS: usize = 8;

/// From the cheapest to those that read the columns of attributes and show every span.
const QUERIES: &[&str] = &[
    "q={}&limit=20",
    "q={ span.no.such.key = 1 }&limit=20",
    "q={ duration > 0 }&limit=1000&spss=100",
    "q={ .http.status_code >= 400 } && { kind = server }&limit=200&spss=0",
];

fn seconds() -> u64 {
    let seconds = std::env::var("STRINGENDO_OVERLOAD_SECONDS").ok();
    seconds.map_or(10, |text| text.parse().expect("seconds"))
}

/// Asks one query after the other; how often each status came.
fn ask_until(server: &Server, over: &AtomicBool, first: usize) -> BTreeMap<u16, usize> {
    let mut statuses = BTreeMap::new();
    for query in QUERIES.iter().cycle().skip(first) {
        if over.load(Ordering::Relaxed) {
            break;
        }
        let pairs: Vec<(&str, &str)> = query.split('&').filter_map(|p| p.split_once('=')).collect();
        let answer = server.get(&format!("/api/search?{}", http::query(&pairs)));
        let expected = [200, 422, 429].contains(&answer.status);
        assert!(expected, "{} {query}: {}", answer.status, answer.text());
        *statuses.entry(answer.status).or_default() += 1;
    }
    statuses
}

#[test]
fn queries_and_spans_go_on_side_by_side_when_both_are_too_many() {
    // Without this limit, `spss=0` asks for all spans.
    let more_yaml = "query_frontend: {search: {max_spans_per_span_set: 0}}\n";
    let options = Options { budget_mib: 112, segment_mib: 8, more_yaml, ..Options::default() };
    let server = Server::start(options);
    let ledger = load::ledger(&server, "grpc");
    let mut options = load::options(&server, &ledger, Duration::from_secs(seconds()));
    options.connections = 4;
    options.workload.batch_spans = 2_000;
    let over = AtomicBool::new(false);
    let (report, statuses) = std::thread::scope(|scope| {
        let ask = |first| ask_until(&server, &over, first);
        let searchers: Vec<_> =
            (0..SEARCHERS).map(|first| scope.spawn(move || ask(first))).collect();
        let report = load::send(options);
        over.store(true, Ordering::Relaxed);
        let asked = searchers.into_iter().map(|searcher| searcher.join().expect("no panic"));
        let mut statuses = BTreeMap::new();
        for (status, count) in asked.flatten() {
            *statuses.entry(status).or_insert(0) += count;
        }
        (report, statuses)
    });
    let peak_mib = usage(server.pid()).expect("the server runs").rss_bytes_max >> 20;
    println!("{report}\nqueries by status {statuses:?}, peak {peak_mib} MiB");
    assert!(peak_mib <= server.options.budget_mib, "{peak_mib} MiB");
    assert!(report.acknowledged.spans > 0, "{report}");
    assert!(statuses[&200] > 0, "{statuses:?}");
    let used = |usage| server.metric("stringendo_memory_used_bytes", &[("use", usage)]);
    until("memory of queries is given back", || {
        (used("query") + used("answer") == 0.0).then_some(())
    });
    load::assert_all_there(&server, &ledger, Some(load::SAMPLE));
}
