//! What every kind of store must do with blocks: a directory, S3, GCS, and Azure by its emulator,
//! which `cargo xtask test` runs.

#[path = "common/stores.rs"]
mod stores;

use std::io::ErrorKind;

use bytes::Bytes;
use stringendo_block::BlockMeta;
use stringendo_block::Version;
use stringendo_engine::TenantId;
use stringendo_engine::backend::listing::{ListJob, ListMemory, Listing};
use stringendo_engine::backend::{Backend, object};
use stringendo_engine::block_list::BlockList;
use stringendo_engine::settings::{BackendSettings, PollSettings};
use stringendo_ring::RingOptions;
use stringendo_store::Store;
use stringendo_teststores::S3Server;
use uuid::Uuid;

const ID: Uuid = Uuid::from_u128(7);

/// Runs `body` over every kind of store that needs nothing, each empty.
fn on_a_core<F, Fut>(body: F)
where
    F: Fn(Backend) -> Fut + Send + Sync + Clone + 'static,
    Fut: Future<Output = ()> + 'static,
{
    let dir = tempfile::tempdir().expect("a directory");
    let local = BackendSettings::Local(dir.path().join("blocks"));
    run(&local, body.clone());
    std::fs::create_dir_all(dir.path().join("s3/bucket")).expect("a bucket");
    let server = S3Server::start(&dir.path().join("s3"), true);
    run(&BackendSettings::Object(Store::new(&stores::s3(&server)).expect("fits")), body.clone());
    std::fs::create_dir_all(dir.path().join("gcs/bucket")).expect("a bucket");
    let server = S3Server::start(&dir.path().join("gcs"), false);
    run(&BackendSettings::Object(Store::new(&stores::gcs(&server)).expect("fits")), body);
}

/// Runs `body` over an empty container of Azure's emulator.
fn on_azure<F, Fut>(body: F)
where
    F: Fn(Backend) -> Fut + Send + Sync + Clone + 'static,
    Fut: Future<Output = ()> + 'static,
{
    run(&BackendSettings::Object(Store::new(&stores::azure()).expect("fits")), body);
}

fn run<F, Fut>(settings: &BackendSettings, body: F)
where
    F: Fn(Backend) -> Fut + Send + Sync + Clone + 'static,
    Fut: Future<Output = ()> + 'static,
{
    let options = RingOptions { cores: 1, pin: false, mesh_lane_messages: 1 };
    let settings = settings.clone();
    stringendo_ring::run(&options, move |_: stringendo_ring::CoreContext<()>| {
        let (settings, body) = (settings.clone(), body.clone());
        async move {
            body(Backend::open(&settings).await.expect("opens")).await;
            Ok::<(), String>(())
        }
    })
    .expect("runs");
}

async fn list_knowing(backend: &Backend, known: &BlockList) -> std::io::Result<Listing> {
    let settings = PollSettings::default();
    let (settings, memory) = (&settings, &ListMemory::default());
    ListJob { backend, known, settings, now_unix_nanos: 0, memory }.run().await
}

fn meta() -> BlockMeta {
    let (format, tenant_id) = (Version::V5.name().to_owned(), "a".to_owned());
    BlockMeta { format, tenant_id, block_id: ID, size: 6, ..BlockMeta::default() }
}

fn tenant() -> TenantId {
    TenantId::parse("a").expect("a tenant")
}

async fn write(backend: &Backend) {
    let mut upload = backend.begin_data(&tenant(), &ID).await.expect("begins");
    upload.append(Bytes::from_static(b"abc")).await.expect("appends");
    upload.append(Bytes::from_static(b"def")).await.expect("appends");
    assert_eq!(upload.len(), 6);
    upload.finish().await.expect("finishes");
    assert!(backend.list().await.expect("lists").blocks.is_empty(), "it has no meta yet");
    assert!(!backend.has_block(&tenant(), &ID).await.expect("looks"));
    backend.publish(&meta()).await.expect("publishes");
}

/// What holds for every kind of store, as tests over those that need nothing, and over Azure's
/// emulator.
macro_rules! over_every_store {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                on_a_core(behaviour::$name);
            }
        )*

        mod azure {
            $(
                #[test]
                #[ignore = "needs Azurite: cargo xtask test"]
                fn $name() {
                    super::on_azure(super::behaviour::$name);
                }
            )*
        }
    };
}

over_every_store! {
    a_block_lives_is_superseded_and_goes
    rows_that_were_given_up_are_gone
    objects_are_read_up_to_a_limit_and_in_ranges
    objects_beside_blocks_are_written_read_and_removed
    metas_of_known_blocks_are_not_read_again
    blocks_that_shall_not_be_compacted_yet_say_so
}

mod behaviour {
    use super::*;

    pub async fn a_block_lives_is_superseded_and_goes(backend: Backend) {
        write(&backend).await;
        let listing = backend.list().await.expect("lists");
        let [entry] = listing.blocks.as_slice() else { panic!("{listing:?}") };
        assert_eq!(entry.meta, meta());
        let data = backend.open_data(entry).await.expect("opens");
        assert_eq!((data.len(), data.read_at(2..5).await.expect("reads")), (6, "cde".into()));

        for _ in 0..2 {
            backend.mark_compacted(&tenant(), &ID).await.expect("marks");
            let listing = backend.list().await.expect("lists");
            assert!(listing.blocks.is_empty());
            let [block] = listing.compacted.as_slice() else { panic!("{listing:?}") };
            assert_eq!(block.entry.meta, meta());
            assert!(block.compacted_unix_nanos > 1_700_000_000_000_000_000);
        }
        for _ in 0..2 {
            backend.delete_block(&tenant(), &ID).await.expect("deletes");
            let listing = backend.list().await.expect("lists");
            assert!(listing.blocks.is_empty() && listing.compacted.is_empty());
            assert!(!backend.has_block(&tenant(), &ID).await.expect("looks"));
        }
        let gone = backend.data_bytes(entry).await.expect_err("it is gone");
        assert_eq!(gone.kind(), ErrorKind::NotFound);
        let gone = backend.mark_compacted(&tenant(), &ID).await.expect_err("it is gone");
        assert_eq!(gone.kind(), ErrorKind::NotFound);
    }

    pub async fn rows_that_were_given_up_are_gone(backend: Backend) {
        let mut upload = backend.begin_data(&tenant(), &ID).await.expect("begins");
        upload.append(Bytes::from_static(b"abc")).await.expect("appends");
        upload.abort().await;
        let read = backend.read_object(&tenant(), &ID, object::DATA, 10).await;
        assert_eq!(read.expect_err("is gone").kind(), ErrorKind::NotFound);
    }

    pub async fn objects_are_read_up_to_a_limit_and_in_ranges(backend: Backend) {
        let (tenant, bytes) = (tenant(), Bytes::from_static(b"0123456789"));
        backend.write_object(&tenant, &ID, "bloom-0", bytes.clone()).await.expect("writes");
        let whole = backend.read_object(&tenant, &ID, "bloom-0", 10).await.expect("reads");
        assert_eq!(whole, bytes);
        let too_large = backend.read_object(&tenant, &ID, "bloom-0", 9).await;
        assert_eq!(too_large.expect_err("is refused").kind(), ErrorKind::InvalidData);
        for (range, read) in [(2..4, "23"), (8..20, "89"), (10..20, ""), (30..40, "")] {
            let part = backend.read_object_range(&tenant, &ID, "bloom-0", range.clone()).await;
            assert_eq!(part.expect("reads"), read, "{range:?}");
        }
        backend.write_object(&tenant, &ID, "bloom-0", "x".into()).await.expect("overwrites");
        assert_eq!(backend.read_object(&tenant, &ID, "bloom-0", 9).await.expect("reads"), "x");
    }

    pub async fn objects_beside_blocks_are_written_read_and_removed(backend: Backend) {
        let path = "a/index.json.gz";
        let none = backend.read_root_object(path, 10).await.expect_err("is not there");
        assert_eq!(none.kind(), ErrorKind::NotFound);
        backend.write_root_object(path, "x".into()).await.expect("writes");
        assert_eq!(backend.read_root_object(path, 10).await.expect("reads"), "x");
        for _ in 0..2 {
            backend.delete_root_object(path).await.expect("removes");
        }
        let outside = backend.write_root_object("../x", "x".into()).await;
        assert_eq!(outside.expect_err("is refused").kind(), ErrorKind::InvalidInput);
    }

    pub async fn metas_of_known_blocks_are_not_read_again(backend: Backend) {
        write(&backend).await;
        let listing = backend.list().await.expect("lists");
        let known = BlockList::default().polled(&BlockList::default(), &listing);
        // Whoever reads it now reads this.
        let (tenant, damage) = (tenant(), Bytes::from_static(b"{"));
        backend.write_object(&tenant, &ID, object::META, damage).await.expect("writes");
        assert_eq!(backend.list().await.expect("lists").skipped.len(), 1);
        let again = list_knowing(&backend, &known).await.expect("lists");
        assert_eq!((again.blocks.len(), again.skipped.len()), (1, 0));
        backend.mark_compacted(&tenant, &ID).await.expect("marks");
        let taken_over = list_knowing(&backend, &known).await.expect("lists");
        assert_eq!((taken_over.compacted.len(), taken_over.skipped.len()), (1, 0));
        assert_eq!(taken_over.compacted[0].entry.meta, meta());
    }

    pub async fn blocks_that_shall_not_be_compacted_yet_say_so(backend: Backend) {
        write(&backend).await;
        let tenant = tenant();
        let flag = async |known: &BlockList| {
            let listing = list_knowing(&backend, known).await.expect("lists");
            (listing.blocks[0].no_compact, known.polled(known, &listing))
        };
        let (no, known) = flag(&BlockList::default()).await;
        let none = Bytes::new();
        backend.write_object(&tenant, &ID, object::NO_COMPACT, none).await.expect("writes");
        let (yes, _) = flag(&known).await;
        assert!(!no && yes);
    }
}
