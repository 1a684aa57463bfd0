//! `kill -9` under load: what was acknowledged is there after the restart, once, also on another
//! number of cores.

mod common;

use std::path::PathBuf;
use std::time::Duration;

use common::{Options, Server, load, wait};
use stringendo_loadgen::Report;

/// Load until the server is killed under it, so long after it took in the first spans.
fn load_and_kill(server: &mut Server, ledger: PathBuf, kill_after: Duration) -> Report {
    let mut options = load::options(server, &ledger, Duration::from_secs(60));
    options.stop_on_disconnect = true;
    let running = wait::aside(move || load::send(options));
    let received = || server.metric("tempo_distributor_spans_received_total", &[]);
    wait::until("spans arrive", || (received() > 0.0).then_some(()));
    wait::pause(kill_after);
    server.kill9();
    running.join().expect("the load generator ends")
}

/// Rounds of load, kill and restart, each with its number of cores.
fn crash_rounds(cores: &[usize]) {
    let mut server = Server::start(Options::with_cores(cores[0]));
    let mut ledgers = Vec::new();
    for (round, cores) in cores.iter().cycle().skip(1).take(cores.len()).enumerate() {
        let ledger = load::ledger(&server, &format!("round-{round}"));
        let kill_after = Duration::from_millis(100 + 200 * round as u64);
        let report = load_and_kill(&mut server, ledger.clone(), kill_after);
        assert!(report.acknowledged.spans > 0, "{report}");
        ledgers.push(ledger);
        server.options.cores = *cores;
        server.start_again();
        load::assert_all_there(&server, ledgers.last().expect("one"), Some(load::SAMPLE));
    }
    server.flush();
    server.restart();
    for ledger in &ledgers {
        load::assert_all_there(&server, ledger, Some(load::SAMPLE));
    }
}

#[test]
fn acknowledged_spans_survive_kill_9_on_one_core() {
    crash_rounds(&[1, 1, 1]);
}

#[test]
fn acknowledged_spans_survive_kill_9_and_a_restart_on_another_number_of_cores() {
    crash_rounds(&[2, 1, 2]);
}

#[test]
fn a_kill_while_blocks_are_written_loses_nothing_and_doubles_nothing() {
    let options = Options { segment_mib: 2, block_age: "1s", ..Options::default() };
    let mut server = Server::start(options);
    let mut ledgers = Vec::new();
    for round in 0..3 {
        let ledger = load::ledger(&server, &format!("round-{round}"));
        let kill_after = Duration::from_millis(1_100 + 200 * round);
        load_and_kill(&mut server, ledger.clone(), kill_after);
        ledgers.push(ledger);
        server.start_again();
    }
    for ledger in &ledgers {
        load::assert_all_there(&server, ledger, Some(load::SAMPLE));
    }
}
