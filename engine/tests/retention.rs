//! Blocks expire by age, by bytes and for want of space; what is deleted was superseded or has
//! expired, and nothing else.

mod common;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use common::keeping::{
    answered, bring_pieces, bring_pieces_of, compact, counted, has, listed, listed_of, quiet, sent,
    tenant_dir, traces,
};
use common::{everywhere, search_request, with_engine};
use stringendo_engine::block_poll::BlockPoll;
use stringendo_engine::metrics::families as family;
use stringendo_engine::retention::Retention;
use stringendo_engine::settings::RetentionSettings;
use stringendo_engine::{EngineSettings, Limits, Node, TenantId, TenantLimits};
use stringendo_proto::TraceId;

const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

fn keeping(dir: &Path, retention: RetentionSettings) -> EngineSettings {
    EngineSettings { retention, ..quiet(dir) }
}

async fn pass(node: &Node) {
    Retention::new(node.clone()).pass().await;
}

#[test]
fn an_old_block_is_marked_and_deleted_only_after_its_second_retention() {
    let dir = Arc::new(tempfile::tempdir().expect("a directory"));
    with_engine(2, keeping(dir.path(), RetentionSettings::default()), move |node| {
        let dir = Arc::clone(&dir);
        async move {
            bring_pieces(&node).await;
            let blocks = listed(&node);
            for _ in 0..2 {
                pass(&node).await;
                assert!(listed(&node).is_empty());
                for block in &blocks {
                    assert!(!has(dir.path(), *block, "meta.json"));
                    assert!(has(dir.path(), *block, "meta.compacted.json"));
                    assert!(has(dir.path(), *block, "data.parquet"));
                }
            }
            let (marked, count) = (&family::RETENTION_MARKED, blocks.len() as f64);
            assert_eq!(counted(&node, marked).await, count);
            assert_eq!(counted(&node, &family::RETENTION_DELETED).await, 0.0);
            // Others do not list them either.
            BlockPoll::new(node.clone()).poll().await.expect("lists");
            assert!(listed(&node).is_empty());
        }
    });
}

#[test]
fn a_marked_block_is_deleted_in_the_backend_too() {
    let dir = Arc::new(tempfile::tempdir().expect("a directory"));
    let compacted_retention = Duration::ZERO;
    let retention = RetentionSettings { compacted_retention, ..RetentionSettings::default() };
    with_engine(1, keeping(dir.path(), retention), move |node| {
        let dir = Arc::clone(&dir);
        async move {
            bring_pieces(&node).await;
            let blocks = listed(&node).len() as f64;
            pass(&node).await;
            pass(&node).await;
            assert_eq!(std::fs::read_dir(tenant_dir(dir.path())).expect("listed").count(), 0);
            assert_eq!(counted(&node, &family::RETENTION_DELETED).await, blocks);
            assert_eq!(counted(&node, &family::BACKEND_BYTES).await, 0.0);
            assert_eq!(counted(&node, &family::RETENTION_ERRORS).await, 0.0);
        }
    });
}

#[test]
fn superseded_blocks_go_and_the_merged_one_stays() {
    let dir = Arc::new(tempfile::tempdir().expect("a directory"));
    let retention = RetentionSettings {
        block_retention: FOR_EVER,
        compacted_retention: Duration::ZERO,
        ..RetentionSettings::default()
    };
    with_engine(2, keeping(dir.path(), retention), move |node| {
        let dir = Arc::clone(&dir);
        async move {
            bring_pieces(&node).await;
            while listed(&node).len() > 1 {
                compact(&node).await;
            }
            pass(&node).await;
            assert_eq!(std::fs::read_dir(tenant_dir(dir.path())).expect("listed").count(), 1);
            assert_eq!(answered(&node).await, sent());
        }
    });
}

#[test]
fn a_block_that_somebody_wants_back_is_not_deleted() {
    let dir = Arc::new(tempfile::tempdir().expect("a directory"));
    let compacted_retention = Duration::ZERO;
    let retention = RetentionSettings { compacted_retention, ..RetentionSettings::default() };
    with_engine(1, keeping(dir.path(), retention), move |node| {
        let dir = Arc::clone(&dir);
        async move {
            bring_pieces(&node).await;
            let block = listed(&node)[0];
            // Marked now; deleted by the next pass.
            let expired = Retention::new(node.clone());
            expired.mark_old().await;
            let block_dir = tenant_dir(dir.path()).join(block.to_string());
            let marked = block_dir.join("meta.compacted.json");
            std::fs::rename(marked, block_dir.join("meta.json")).expect("renamed");
            expired.delete_due().await;
            assert!(has(dir.path(), block, "data.parquet"));
            BlockPoll::new(node.clone()).poll().await.expect("lists");
            assert_eq!(listed(&node), [block]);
        }
    });
}

#[test]
fn tenants_have_their_own_retention_and_may_keep_everything() {
    let dir = Arc::new(tempfile::tempdir().expect("a directory"));
    let (keeps, long) = ("keeps", "long");
    let limits = |change: fn(&mut TenantLimits)| {
        let mut limits = TenantLimits::default();
        change(&mut limits);
        Arc::new(limits)
    };
    let mut all = Limits::default();
    let tenant = |name: &str| TenantId::parse(name).expect("a tenant");
    all.tenants.insert(tenant(keeps), limits(|own| own.compaction_disabled = true));
    all.tenants.insert(tenant(long), limits(|own| own.block_retention = FOR_EVER));
    let mut settings = keeping(dir.path(), RetentionSettings::default());
    settings.limits.initial = Arc::new(all);
    with_engine(1, settings, move |node| async move {
        for name in [keeps, long, "other"] {
            bring_pieces_of(&node, &tenant(name)).await;
        }
        pass(&node).await;
        compact(&node).await;
        let blocks = |name| listed_of(&node, &tenant(name)).len();
        assert!(blocks(keeps) >= 3, "neither merged nor deleted");
        assert!(blocks(long) == 1, "merged");
        assert_eq!(blocks("other"), 0);
    });
}

#[test]
fn the_newest_blocks_that_fit_into_a_tenants_bytes_stay() {
    let dir = Arc::new(tempfile::tempdir().expect("a directory"));
    let tenant_bytes_max = 1;
    let retention = RetentionSettings { tenant_bytes_max, ..RetentionSettings::default() };
    with_engine(1, keeping(dir.path(), retention), move |node| async move {
        bring_pieces(&node).await;
        Retention::new(node.clone()).keep_limits().await;
        assert!(listed(&node).is_empty());
        assert_eq!(counted(&node, &family::RETENTION_DELETED).await, 0.0);
    });
}

#[test]
fn for_want_of_space_blocks_are_deleted_at_once() {
    let dir = Arc::new(tempfile::tempdir().expect("a directory"));
    let (free_disk_bytes_min, block_retention) = (u64::MAX, FOR_EVER);
    let retention =
        RetentionSettings { free_disk_bytes_min, block_retention, ..RetentionSettings::default() };
    with_engine(1, keeping(dir.path(), retention), move |node| {
        let dir = Arc::clone(&dir);
        async move {
            bring_pieces(&node).await;
            Retention::new(node.clone()).keep_limits().await;
            assert!(listed(&node).is_empty());
            assert_eq!(std::fs::read_dir(tenant_dir(dir.path())).expect("listed").count(), 0);
        }
    });
}

#[test]
fn an_answer_says_that_a_block_was_deleted_while_it_was_asked() {
    let dir = Arc::new(tempfile::tempdir().expect("a directory"));
    with_engine(2, quiet(dir.path()), move |node| {
        let dir = Arc::clone(&dir);
        async move {
            bring_pieces(&node).await;
            let block = tenant_dir(dir.path()).join(listed(&node)[0].to_string());
            std::fs::remove_dir_all(block).expect("removed");
            let tenant = TenantId::single();
            let request = search_request("{ }");
            let answer = node.search(&tenant, request).await.expect("an answer").value;
            let metrics = answer.metrics.expect("metrics");
            assert!(metrics.additional_metrics.contains_key("blocksGone"), "{metrics:?}");
            assert!(metrics.completed_jobs < metrics.total_jobs);
            let request = everywhere(TraceId(traces()[0].id));
            let answer = node.trace(&tenant, &request).await.expect("an answer").value;
            assert_eq!(answer.cost.gone_blocks, 1);
        }
    });
}

#[test]
fn a_trace_is_answered_from_what_took_the_place_of_deleted_blocks() {
    let dir = Arc::new(tempfile::tempdir().expect("a directory"));
    with_engine(1, quiet(dir.path()), move |node| {
        let dir = Arc::clone(&dir);
        async move {
            bring_pieces(&node).await;
            let (old, blocks) = (Arc::clone(&node.shard().blocks.borrow()), listed(&node));
            while listed(&node).len() > 1 {
                compact(&node).await;
            }
            for block in blocks {
                let block = tenant_dir(dir.path()).join(block.to_string());
                std::fs::remove_dir_all(block).expect("removed");
            }
            // A query that begins with the list as it was, and finds the new one when it looks
            // again.
            let new = node.shard().blocks.replace(old);
            let request = everywhere(TraceId(traces()[0].id));
            let tenant = TenantId::single();
            let asked = node.trace(&tenant, &request);
            let replaced = async {
                stringendo_ring::sleep(Duration::from_millis(1)).await;
                node.shard().blocks.replace(new);
            };
            let (answer, ()) = futures_util::future::join(asked, replaced).await;
            let answer = answer.expect("an answer").value;
            if answer.cost.gone_blocks == 0 {
                assert!(answer.trace.is_some());
            }
            assert_eq!(answered(&node).await, sent());
        }
    });
}
