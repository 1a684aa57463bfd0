//! No wake-up is lost, also where a time slice ends before the first task of it ran.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod common;

use std::time::Duration;

use common::on_cores;
use stringendo_ring::{Class, CoreContext, sleep, spawn};

/// Without the fix in `vendor/glommio` about one in 300 of these timers left its core asleep for
/// ever.
#[test]
fn thousands_of_short_sleeps_on_crowded_cores_all_end() {
    on_cores(4, |_: CoreContext<()>| async {
        let classes = [Class::Ack, Class::Background];
        let sleepers = classes.map(|class| {
            spawn(class, async {
                for _ in 0..1_000 {
                    sleep(Duration::from_micros(200)).await;
                }
            })
        });
        for sleeper in sleepers {
            sleeper.await;
        }
    });
}
