//! Settings of object stores that run here.
#![allow(dead_code, reason = "every test file uses its own part of this")]

use std::net::SocketAddr;
use std::time::Duration;

use stringendo_store::Secret;
use stringendo_store::settings::{
    Azure, Gcs, Hedging, Keys, Kind, Labels, Retry, S3, Settings, Tls,
};
use stringendo_teststores::{ACCESS_KEY, S3Server, SECRET_KEY};
use uuid::Uuid;

/// A part of a multipart upload: the least that S3 takes.
pub const PART_BYTES: usize = 5 << 20;

pub fn settings(kind: Kind) -> Settings {
    let (pause_min, pause_max) = (Duration::from_millis(1), Duration::from_millis(5));
    Settings {
        kind,
        prefix: "some/prefix".to_owned(),
        hedging: None,
        retry: Retry { attempts_max: 4, pause_min, pause_max },
        part_bytes: PART_BYTES,
        listings_at_once: 3,
        labels: Labels::default(),
        tls: Tls::default(),
        environment: Default::default(),
    }
}

pub fn hedged(settings: Settings) -> Settings {
    let hedging = Hedging { after: Duration::from_millis(30), requests_max: 2 };
    Settings { hedging: Some(hedging), ..settings }
}

pub fn s3(server: &S3Server) -> Settings {
    s3_at(server.address())
}

pub fn s3_at(address: SocketAddr) -> Settings {
    let keys = Keys { id: ACCESS_KEY.to_owned(), secret: Secret::new(SECRET_KEY), token: None };
    settings(Kind::S3(S3 {
        bucket: "bucket".to_owned(),
        endpoint: address.to_string(),
        insecure: true,
        keys: Some(keys),
        ..S3::default()
    }))
}

/// Google's XML interface is that of S3, but for signatures.
pub fn gcs(server: &S3Server) -> Settings {
    let endpoint = format!("http://{}/storage/v1/", server.address());
    settings(Kind::Gcs(Gcs { bucket: "bucket".to_owned(), endpoint, insecure: true }))
}

/// A container of Azurite, with the account that it always has. Tests share it, each below a prefix
/// of its own.
pub fn azure() -> Settings {
    const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KB\
        HBeksoGMGw==";
    let address = std::env::var("AZURITE_ADDRESS").expect("cargo xtask test runs Azurite");
    let kind = Kind::Azure(Azure {
        account: "devstoreaccount1".to_owned(),
        key: Some(Secret::new(KEY)),
        container: "traces".to_owned(),
        endpoint_suffix: address,
        ..Azure::default()
    });
    Settings { prefix: Uuid::new_v4().to_string(), ..settings(kind) }
}
