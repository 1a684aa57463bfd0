//! Signals to this process; alone in its binary, since they reach all of it.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod common;

use common::on_a_core;
use stringendo_ring::offload;
use stringendo_ring::signal::{EndSignal, EndSignals};

#[test]
fn a_waiting_core_hears_of_both_signals_in_turn() {
    on_a_core(|| async {
        let mut signals = EndSignals::listen().unwrap();
        for (signal, expected) in [
            (rustix::process::Signal::TERM, EndSignal::Terminate),
            (rustix::process::Signal::INT, EndSignal::Interrupt),
        ] {
            let send = move || rustix::process::kill_process(rustix::process::getpid(), signal);
            offload(send).await.unwrap().unwrap();
            assert_eq!(signals.next().await, expected);
        }
    });
}
