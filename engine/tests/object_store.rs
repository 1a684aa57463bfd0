//! An object store that is large, slow or a liar.

#[path = "common/stores.rs"]
mod stores;

use std::io::ErrorKind;
use std::time::Duration;

use bytes::Bytes;
use stringendo_engine::TenantId;
use stringendo_engine::backend::{Backend, object};
use stringendo_engine::settings::BackendSettings;
use stringendo_ring::RingOptions;
use stringendo_store::{Settings, Store};
use stringendo_teststores::{Fault, Proxy, Request, S3Server};
use uuid::Uuid;

const ID: Uuid = Uuid::from_u128(7);

/// Runs `body` over an S3 server behind a proxy.
fn with_s3<F, Fut>(change: fn(Settings) -> Settings, body: F)
where
    F: Fn(Backend, Proxy) -> Fut + Send + Sync + Clone + 'static,
    Fut: Future<Output = ()> + 'static,
{
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::create_dir(dir.path().join("bucket")).expect("a bucket");
    let server = S3Server::start(dir.path(), true);
    let proxy = Proxy::start(server.address());
    let settings = change(stores::s3_at(proxy.address()));
    let options = RingOptions { cores: 1, pin: false, mesh_lane_messages: 1 };
    stringendo_ring::run(&options, move |_: stringendo_ring::CoreContext<()>| {
        let (settings, body, proxy) = (settings.clone(), body.clone(), proxy.clone());
        async move {
            let store = Store::new(&settings).expect("fits");
            let backend = Backend::open(&BackendSettings::Object(store)).await.expect("opens");
            body(backend, proxy).await;
            Ok::<(), String>(())
        }
    })
    .expect("runs");
}

fn tenant() -> TenantId {
    TenantId::parse("a").expect("a tenant")
}

fn is(method: &'static str, words: &'static str) -> impl Fn(&Request) -> bool + Send + 'static {
    move |request| request.method == method && request.target.contains(words)
}

/// Bytes that are different everywhere.
fn bytes(count: usize) -> Bytes {
    (0..count as u32 / 4).flat_map(|word| word.wrapping_mul(0x9e37_79b9).to_le_bytes()).collect()
}

async fn upload(backend: &Backend, data: &Bytes) -> std::io::Result<()> {
    let mut upload = backend.begin_data(&tenant(), &ID).await?;
    for piece in data.chunks(1 << 20) {
        if let Err(error) = upload.append(data.slice_ref(piece)).await {
            upload.abort().await;
            return Err(error);
        }
    }
    upload.finish().await
}

#[test]
fn rows_larger_than_a_part_go_up_in_parts_and_come_back() {
    with_s3(
        |settings| settings,
        async |backend: Backend, proxy: Proxy| {
            let data = bytes(2 * stores::PART_BYTES + 1000);
            proxy.spoil(2, Fault::Status(503), is("PUT", "partNumber=2"));
            upload(&backend, &data).await.expect("is written");
            assert_eq!(proxy.count(is("PUT", "partNumber=")), 3 + 2, "three parts, two again");
            let read = backend.read_object(&tenant(), &ID, object::DATA, 1 << 30).await;
            assert!(read.expect("is there") == data);
            let middle = (stores::PART_BYTES - 10) as u64..(stores::PART_BYTES + 10) as u64;
            let part =
                backend.read_object_range(&tenant(), &ID, object::DATA, middle.clone()).await;
            assert_eq!(part.expect("is there"), data[middle.start as usize..middle.end as usize]);
        },
    );
}

#[test]
fn an_upload_that_fails_is_given_up() {
    with_s3(
        |settings| settings,
        async |backend: Backend, proxy: Proxy| {
            proxy.spoil(usize::MAX, Fault::Status(500), is("PUT", "partNumber=2"));
            let data = bytes(2 * stores::PART_BYTES + 1000);
            upload(&backend, &data).await.expect_err("fails");
            assert_eq!(proxy.count(is("DELETE", "uploadId=")), 1);
            proxy.heal();
            let read = backend.read_object(&tenant(), &ID, object::DATA, 1 << 30).await;
            assert_eq!(read.expect_err("is not there").kind(), ErrorKind::NotFound);
            upload(&backend, &data).await.expect("works now");
        },
    );
}

#[test]
fn success_that_was_not_is_an_error() {
    with_s3(
        |settings| settings,
        async |backend: Backend, proxy: Proxy| {
            proxy.spoil(1, Fault::FalseSuccess, is("PUT", ""));
            let written = backend.write_object(&tenant(), &ID, "bloom-0", bytes(100)).await;
            let error = written.expect_err("is not there").to_string();
            assert!(error.contains("acknowledged"), "{error}");
            // What was there before is not taken for what was written.
            backend.write_object(&tenant(), &ID, "bloom-0", bytes(100)).await.expect("is written");
            proxy.spoil(1, Fault::FalseSuccess, is("PUT", ""));
            let written = backend.write_object(&tenant(), &ID, "bloom-0", bytes(104)).await;
            assert!(written.is_err());
        },
    );
}

#[test]
fn a_failure_that_was_none_is_tried_again() {
    with_s3(
        |settings| settings,
        async |backend: Backend, proxy: Proxy| {
            proxy.spoil(1, Fault::FalseFailure, is("PUT", ""));
            backend.write_object(&tenant(), &ID, "bloom-0", bytes(100)).await.expect("is written");
            proxy.spoil(1, Fault::FalseFailure, is("DELETE", ""));
            backend.delete_root_object(&format!("a/{ID}/bloom-0")).await.expect("is removed");
        },
    );
}

#[test]
fn more_bytes_than_were_asked_for_are_an_error() {
    with_s3(
        |settings| settings,
        async |backend: Backend, proxy: Proxy| {
            backend.write_object(&tenant(), &ID, "bloom-0", bytes(100)).await.expect("is written");
            proxy.spoil(usize::MAX, Fault::Longer(1 << 20), is("GET", "bloom-0"));
            let read = backend.read_object_range(&tenant(), &ID, "bloom-0", 10..20).await;
            let error = read.expect_err("is another length");
            assert!(error.to_string().contains("more than 10 bytes came"), "{error}");
            assert_ne!(error.kind(), ErrorKind::InvalidData, "it is not the block's fault");
        },
    );
}

#[test]
fn reads_that_take_long_are_asked_for_again() {
    with_s3(stores::hedged, async |backend: Backend, proxy: Proxy| {
        backend.write_object(&tenant(), &ID, "bloom-0", bytes(100)).await.expect("is written");
        proxy.spoil(1, Fault::Silence(Duration::from_secs(20)), is("GET", "bloom-0"));
        let read = backend.read_object(&tenant(), &ID, "bloom-0", 1000).await;
        assert_eq!(read.expect("the second answers"), bytes(100));
        let requests = backend.store().expect("a store").requests();
        assert_eq!(requests.hedged(), 1);
        let samples = requests.samples();
        assert!(
            samples
                .iter()
                .any(|(operation, status, _)| (*operation, status.as_str()) == ("PUT", "200"))
        );
    });
}

#[test]
fn a_bucket_that_is_not_there_is_not_taken_for_an_empty_one() {
    let elsewhere = |mut settings: Settings| {
        if let stringendo_store::settings::Kind::S3(s3) = &mut settings.kind {
            s3.bucket = "other".to_owned();
        }
        settings
    };
    with_s3(elsewhere, async |backend: Backend, _: Proxy| {
        let listing = backend.list().await;
        assert_eq!(listing.expect_err("no bucket").kind(), ErrorKind::InvalidInput);
    });
}

#[test]
fn tenants_with_strange_names_keep_to_themselves() {
    with_s3(
        |settings| settings,
        async |backend: Backend, _: Proxy| {
            let names = ["a", "a*", "(a)", "'a'", "!a", "a.b", "...", "a_-"];
            let tenants = names.map(|name| TenantId::parse(name).expect("a tenant"));
            for (number, tenant) in tenants.iter().enumerate() {
                let data = Bytes::from(vec![number as u8]);
                backend.write_object(tenant, &ID, object::META, data).await.expect("is written");
            }
            for (number, tenant) in tenants.iter().enumerate() {
                let read =
                    backend.read_object(tenant, &ID, object::META, 10).await.expect("is there");
                assert_eq!(read, [number as u8][..]);
            }
            let listing = backend.list().await.expect("lists");
            let mut found: Vec<_> = listing.tenants.iter().map(TenantId::as_str).collect();
            found.sort_unstable();
            let mut names = names;
            names.sort_unstable();
            assert_eq!(found, names);
        },
    );
}
