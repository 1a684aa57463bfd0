//! A day at fifty blocks an hour, with a clock that runs as fast as the machine can: the number of
//! blocks stays bounded, retention holds, and what is deleted is gone from the disk.

mod common;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use common::keeping::{compact, counted, listed, quiet, tenant_dir};
use common::{everywhere, with_engine_at};
use stringendo_engine::metrics::families as family;
use stringendo_engine::retention::Retention;
use stringendo_engine::settings::RetentionSettings;
use stringendo_engine::{EngineSettings, Node, TenantId};
use stringendo_oracle::otlp;
use stringendo_oracle::rows::{Span, Trace};
use stringendo_proto::TraceId;
use stringendo_ring::Clock;

const HOUR: u64 = 3_600_000_000_000;
/// A full hour of the year 2026.
const BEGIN: u64 = 491_000 * HOUR;
const BLOCKS_PER_HOUR: u64 = 50;
const HOURS: u64 = 24;
/// What the tenant keeps.
const KEPT_HOURS: u64 = 8;

static NOW: AtomicU64 = AtomicU64::new(BEGIN);

fn now() -> u64 {
    NOW.load(Ordering::SeqCst)
}

fn trace_id(number: u64) -> [u8; 16] {
    (u128::from(number) << 64 | 0xfeed).to_be_bytes()
}

/// Trace `number`, of two spans; and a late span of the trace before, so that blocks share traces.
fn traces(number: u64) -> Vec<Trace> {
    let span = |id: u64, parent: u64| Span {
        id,
        parent,
        name: format!("operation {}", number % 7),
        start_unix_nanos: now(),
        duration_nanos: 1_000_000,
        ..Span::default()
    };
    let own = Trace::new(trace_id(number), vec![span(1, 0), span(2, 1)]);
    let late = Trace::new(trace_id(number - 1), vec![span(3, 1)]);
    vec![own, late]
}

async fn flush_one(node: &Node, number: u64) {
    node.ingest(&TenantId::single(), otlp::request(&traces(number))).await.expect("accepted");
    node.flush(None).await;
}

async fn spans_of(node: &Node, number: u64) -> usize {
    let request = everywhere(TraceId(trace_id(number)));
    let answer = node.trace(&TenantId::single(), &request).await.expect("an answer").value;
    let trace = answer.trace.unwrap_or_default();
    let scopes = trace.resource_spans.iter().flat_map(|one| &one.scope_spans);
    scopes.map(|one| one.spans.len()).sum()
}

#[test]
fn a_day_of_blocks_is_merged_kept_as_long_as_configured_and_deleted() {
    let dir = Arc::new(tempfile::tempdir().expect("a directory"));
    let retention = RetentionSettings {
        block_retention: Duration::from_nanos(KEPT_HOURS * HOUR),
        ..RetentionSettings::default()
    };
    let settings = EngineSettings { retention, ..quiet(dir.path()) };
    with_engine_at(Clock::Moved(&NOW), 2, settings, move |node| {
        let dir = Arc::clone(&dir);
        async move {
            let keeper = Retention::new(node.clone());
            let mut live_most = 0;
            for hour in 0..HOURS {
                for block in 0..BLOCKS_PER_HOUR {
                    NOW.store(
                        BEGIN + hour * HOUR + block * HOUR / BLOCKS_PER_HOUR,
                        Ordering::SeqCst,
                    );
                    flush_one(&node, hour * BLOCKS_PER_HOUR + block + 1).await;
                    if block % 5 == 4 {
                        compact(&node).await;
                        live_most = live_most.max(listed(&node).len());
                    }
                }
                keeper.pass().await;
                check_hour(&node, dir.path(), hour).await;
            }
            // Of a window a few blocks of each level are left, until it is a day old.
            assert!(live_most < 100, "{live_most} blocks at a time");
            assert_eq!(counted(&node, &family::COMPACTION_ERRORS).await, 0.0);
            assert_eq!(counted(&node, &family::RETENTION_ERRORS).await, 0.0);
            assert!(counted(&node, &family::RETENTION_DELETED).await > 1000.0);
        }
    });
}

/// What is kept is whole, what is not is gone, and the disk holds nothing else.
async fn check_hour(node: &Node, dir: &std::path::Path, hour: u64) {
    let newest = (hour + 1) * BLOCKS_PER_HOUR;
    for number in [newest - 1, newest - BLOCKS_PER_HOUR / 2] {
        assert_eq!(spans_of(node, number).await, 3, "trace {number} in hour {hour}");
    }
    if hour > KEPT_HOURS + 1 {
        let expired = (hour - KEPT_HOURS - 1) * BLOCKS_PER_HOUR - 2;
        assert_eq!(spans_of(node, expired).await, 0, "trace {expired} in hour {hour}");
    }
    let list = Arc::clone(&node.shard().blocks.borrow());
    let tenant = TenantId::single();
    let compacted = list.compacted_of(&tenant).iter().map(|block| &block.entry);
    let known: HashSet<_> =
        list.of(&tenant).iter().chain(compacted).map(|block| block.meta.block_id).collect();
    let found: HashSet<_> = std::fs::read_dir(tenant_dir(dir))
        .expect("blocks")
        .map(|entry| entry.expect("a block").file_name().to_string_lossy().parse().expect("an id"))
        .collect();
    assert_eq!(known, found);
    // Superseded blocks stay for an hour, and up to another one until they are looked for.
    assert!(found.len() < 250, "{} blocks on the disk", found.len());
}
