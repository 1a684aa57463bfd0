//! The list of blocks, read from a directory where not every block can be read.

mod common;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::{data_path, settings, with_engine};
use stringendo_engine::block_poll::BlockPoll;
use stringendo_engine::metrics::{Family, Sample, families as family};
use stringendo_engine::{Node, TenantId};
use uuid::Uuid;

/// A block that Tempo wrote.
const BLOCK: &str = "945fc1d4-153f-42ea-b142-3df5e9d9f809";

fn tenant_dir(root: &Path) -> PathBuf {
    root.join("blocks").join(TenantId::single().as_str())
}

fn meta() -> String {
    let path = data_path("blocks/vparquet5/single-tenant").join(BLOCK).join("meta.json");
    std::fs::read_to_string(path).expect("a meta")
}

/// Makes or changes the meta of block `id`.
fn put_meta(root: &Path, id: Uuid, meta: impl AsRef<[u8]>) {
    let dir = tenant_dir(root).join(id.to_string());
    std::fs::create_dir_all(&dir).expect("a directory");
    std::fs::write(dir.join("meta.json"), meta).expect("written");
}

fn meta_of(id: Uuid) -> String {
    meta().replace(BLOCK, &id.to_string())
}

fn listed(node: &Node) -> Vec<Uuid> {
    let list = Arc::clone(&node.shard().blocks.borrow());
    let mut ids: Vec<_> =
        list.of(&TenantId::single()).iter().map(|block| block.meta.block_id).collect();
    ids.sort();
    ids
}

/// The sum of a counter's series that have this label.
async fn counted(node: &Node, family: &'static Family, label: &str) -> f64 {
    let series = node.metrics().await.into_iter().filter(|series| {
        series.family.name == family.name && series.labels.iter().any(|found| found == label)
    });
    let number = |sample| if let Sample::Number(number) = sample { number } else { 0.0 };
    series.map(|series| number(series.sample)).sum()
}

const ID: [Uuid; 7] = [
    Uuid::from_u128(1),
    Uuid::from_u128(2),
    Uuid::from_u128(3),
    Uuid::from_u128(4),
    Uuid::from_u128(5),
    Uuid::from_u128(6),
    Uuid::from_u128(7),
];

#[test]
fn blocks_that_cannot_be_read_are_left_out_and_counted_once() {
    let dir = Arc::new(tempfile::tempdir().expect("a directory"));
    let root = dir.path();
    put_meta(root, ID[0], meta_of(ID[0]));
    put_meta(root, ID[1], meta_of(ID[1]).replace("vParquet5", "vParquet2"));
    put_meta(root, ID[2], meta_of(ID[2]).replace("vParquet5", &"x".repeat(10_000)));
    put_meta(root, ID[3], "{}");
    put_meta(root, ID[4], b"\xff\x00 no JSON");
    put_meta(root, ID[5], meta_of(ID[0]));
    // Its `meta.json` is none.
    let no_file = tenant_dir(root).join(ID[6].to_string()).join("meta.json");
    std::fs::create_dir_all(no_file).expect("a directory");
    with_engine(2, settings(root), |node| async move {
        assert_eq!(listed(&node), [ID[0]]);
        let skipped = async |reason| counted(&node, &family::BLOCKLIST_SKIPPED, reason).await;
        assert_eq!(skipped("unsupported_version").await, 3.0);
        assert_eq!(skipped("unreadable_meta").await, 3.0);
        let mut poll = BlockPoll::new(node.clone());
        for _ in 0..3 {
            poll.poll().await.expect("listed");
            assert_eq!(listed(&node), [ID[0]]);
            // This poll has told them once, as the one at the start has.
            assert_eq!(skipped("unsupported_version").await, 6.0);
            assert_eq!(skipped("unreadable_meta").await, 6.0);
        }
        let tenant = TenantId::single();
        let errors = counted(&node, &family::BLOCKLIST_POLL_ERRORS, tenant.as_str()).await;
        assert_eq!(errors, 4.0 * 3.0, "three metas, four polls");
    });
}

#[test]
fn a_listed_block_stays_as_it_is_and_one_that_was_mended_is_listed() {
    let dir = Arc::new(tempfile::tempdir().expect("a directory"));
    let root = dir.path().to_owned();
    put_meta(&root, ID[0], meta_of(ID[0]));
    put_meta(&root, ID[1], "{");
    with_engine(1, settings(&root), move |node| {
        let root = root.clone();
        async move {
            let mut poll = BlockPoll::new(node.clone());
            // Blocks do not change: the meta of a listed one is not read again.
            put_meta(&root, ID[0], "{");
            let version = node.shard().blocks.borrow().version();
            for _ in 0..2 {
                poll.poll().await.expect("listed");
                assert_eq!(listed(&node), ID[..1]);
            }
            assert_eq!(node.shard().blocks.borrow().version(), version, "nothing has changed");
            assert_eq!(counted(&node, &family::BLOCKLIST_SKIPPED, "unreadable_meta").await, 2.0);
            put_meta(&root, ID[1], meta_of(ID[1]));
            poll.poll().await.expect("listed");
            assert_eq!(listed(&node), ID[..2]);
            put_meta(&root, ID[2], "{");
            poll.poll().await.expect("listed");
            assert_eq!(counted(&node, &family::BLOCKLIST_SKIPPED, "unreadable_meta").await, 3.0);
            std::fs::remove_dir_all(tenant_dir(&root).join(ID[1].to_string())).expect("removed");
            poll.poll().await.expect("listed");
            assert_eq!(listed(&node), ID[..1]);
        }
    });
}

#[test]
fn compacted_blocks_leave_the_list_of_live_ones_and_are_remembered() {
    let dir = Arc::new(tempfile::tempdir().expect("a directory"));
    let root = dir.path().to_owned();
    put_meta(&root, ID[0], meta_of(ID[0]));
    put_meta(&root, ID[1], meta_of(ID[1]));
    with_engine(2, settings(&root), move |node| {
        let root = root.clone();
        async move {
            let dir = tenant_dir(&root).join(ID[0].to_string());
            let compacted = dir.join("meta.compacted.json");
            std::fs::rename(dir.join("meta.json"), compacted).expect("renamed");
            BlockPoll::new(node.clone()).poll().await.expect("listed");
            assert_eq!(listed(&node), ID[1..2]);
            let list = Arc::clone(&node.shard().blocks.borrow());
            let compacted: Vec<_> = list.compacted_of(&TenantId::single()).iter().collect();
            assert_eq!(compacted.len(), 1);
            assert_eq!(compacted[0].entry.meta.block_id, ID[0]);
        }
    });
}
