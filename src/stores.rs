//! From the configuration to the places where blocks, and what tenants set for themselves, are
//! kept.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use stringendo_config::settings::{self as config, Trace};
use stringendo_engine::settings::BackendSettings;
use stringendo_store::settings::{
    Addressing, Azure, Encryption, Gcs, Hedging, Keys, Kind, Labels, Retry, S3, Settings, Tls,
};
use stringendo_store::{BuildError, Secret, Store};

use crate::wiring::usize_of;

/// Parts of uploads where the configuration does not say: few requests, little memory.
const PART_BYTES: usize = 8 << 20;
/// Azure has no keys for this; these are the defaults of its own client.
const AZURE_RETRY: Retry = Retry {
    attempts_max: 4,
    pause_min: Duration::from_millis(500),
    pause_max: Duration::from_secs(10),
};
/// Variables of the environment that stores may ask for begin so.
const VARIABLES: [&str; 6] = ["AWS_", "MINIO_", "AZURE_", "GOOGLE_", "IDENTITY_", "HOME"];

/// The place where blocks are kept. Object stores are not asked yet.
///
/// # Errors
/// Settings of an object store that do not fit, or a file that they name cannot be read.
pub fn backend(trace: &Trace) -> Result<BackendSettings, BuildError> {
    let settings = match trace.backend {
        config::Backend::Local => return Ok(BackendSettings::Local(trace.local.path.clone())),
        config::Backend::S3 => s3(&trace.s3),
        config::Backend::Gcs => gcs(&trace.gcs),
        config::Backend::Azure => azure(&trace.azure),
    };
    Store::new(&settings).map(BackendSettings::Object)
}

/// The place where tenants keep what they set for themselves. It is not asked yet.
///
/// # Errors
/// As [`backend`].
pub fn of_users(client: &config::UserConfigurableClient) -> Result<BackendSettings, BuildError> {
    let settings = match client.backend.as_str() {
        "s3" => s3(&client.s3),
        "gcs" => gcs(&client.gcs),
        "azure" => azure(&client.azure),
        _ => return Ok(BackendSettings::Local(client.local.path.clone())),
    };
    Store::new(&settings).map(BackendSettings::Object)
}

/// Where that is, for people.
pub fn place(trace: &Trace) -> String {
    let named = |kind: &str, bucket: &str, prefix: &str| format!("{kind}://{bucket}/{prefix}");
    match trace.backend {
        config::Backend::Local => trace.local.path.display().to_string(),
        config::Backend::S3 => named("s3", &trace.s3.bucket, &trace.s3.prefix),
        config::Backend::Gcs => named("gcs", &trace.gcs.bucket_name, &trace.gcs.prefix),
        config::Backend::Azure => named("azure", &trace.azure.container_name, &trace.azure.prefix),
    }
}

fn s3(s3: &config::S3) -> Settings {
    let keys = (!s3.access_key.is_empty()).then(|| Keys {
        id: s3.access_key.clone(),
        secret: Secret::new(&s3.secret_key),
        token: some(&s3.session_token).map(Secret::new),
    });
    let encryption = match s3.sse.kind.as_str() {
        "SSE-S3" => Some(Encryption::S3),
        "SSE-KMS" => Some(Encryption::Kms(s3.sse.kms_key_id.clone())),
        "SSE-C" => Some(Encryption::Customer(Secret::new(&s3.sse.encryption_key))),
        _ => None,
    };
    let kind = Kind::S3(S3 {
        bucket: s3.bucket.clone(),
        endpoint: s3.endpoint.clone(),
        region: s3.region.clone(),
        insecure: s3.insecure,
        addressing: match (s3.forcepathstyle, s3.bucket_lookup_type) {
            (true, _) | (_, 2) => Addressing::Path,
            (_, 1) => Addressing::Host,
            _ => Addressing::Auto,
        },
        dual_stack: s3.enable_dual_stack,
        keys,
        encryption,
    });
    Settings {
        kind,
        prefix: s3.prefix.clone(),
        hedging: hedging(s3.hedge_requests_at, s3.hedge_requests_up_to),
        retry: Retry {
            attempts_max: usize_of(s3.retry_max_attempts).max(1),
            pause_min: s3.retry_backoff_initial,
            pause_max: s3.retry_backoff_max.max(s3.retry_backoff_initial),
        },
        part_bytes: part_bytes(s3.part_size),
        listings_at_once: usize_of(s3.list_blocks_concurrency),
        labels: Labels {
            tags: pairs(&s3.tags),
            metadata: pairs(&s3.metadata),
            storage_class: some(&s3.storage_class),
            cache_control: None,
        },
        tls: tls(&s3.tls),
        environment: environment(),
    }
}

fn gcs(gcs: &config::Gcs) -> Settings {
    Settings {
        kind: Kind::Gcs(Gcs {
            bucket: gcs.bucket_name.clone(),
            endpoint: gcs.endpoint.clone(),
            insecure: gcs.insecure,
        }),
        prefix: gcs.prefix.clone(),
        hedging: hedging(gcs.hedge_requests_at, gcs.hedge_requests_up_to),
        retry: Retry {
            attempts_max: usize_of(gcs.max_retries).saturating_add(1),
            pause_min: Duration::from_secs(1),
            pause_max: Duration::from_secs(30),
        },
        part_bytes: part_bytes(gcs.chunk_buffer_size),
        listings_at_once: usize_of(gcs.list_blocks_concurrency),
        labels: Labels {
            metadata: pairs(&gcs.object_metadata),
            cache_control: some(&gcs.object_cache_control),
            ..Labels::default()
        },
        tls: Tls::default(),
        environment: environment(),
    }
}

fn azure(azure: &config::Azure) -> Settings {
    Settings {
        kind: Kind::Azure(Azure {
            account: azure.storage_account_name.clone(),
            key: some(&azure.storage_account_key).map(Secret::new),
            container: azure.container_name.clone(),
            endpoint_suffix: azure.endpoint_suffix.clone(),
            managed_identity: azure.use_managed_identity,
            federated_token: azure.use_federated_token,
            user_assigned_id: azure.user_assigned_id.clone(),
        }),
        prefix: azure.prefix.clone(),
        hedging: hedging(azure.hedge_requests_at, azure.hedge_requests_up_to),
        retry: AZURE_RETRY,
        part_bytes: part_bytes(azure.buffer_size),
        listings_at_once: 1,
        labels: Labels::default(),
        tls: Tls::default(),
        environment: environment(),
    }
}

fn hedging(after: Duration, requests_max: u64) -> Option<Hedging> {
    let wanted = !after.is_zero() && requests_max > 1;
    wanted.then(|| Hedging { after, requests_max: usize_of(requests_max) })
}

/// TLS of a client.
pub fn tls(tls: &config::ClientTls) -> Tls {
    let path = |path: &Path| (!path.as_os_str().is_empty()).then(|| path.to_owned());
    Tls {
        ca_path: path(&tls.tls_ca_path),
        identity: path(&tls.tls_cert_path).zip(path(&tls.tls_key_path)),
        server_name: some(&tls.tls_server_name),
        insecure_skip_verify: tls.tls_insecure_skip_verify,
        tls13_only: tls.tls_min_version == "VersionTLS13",
    }
}

fn part_bytes(configured: u64) -> usize {
    if configured == 0 { PART_BYTES } else { usize_of(configured) }
}

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn pairs(map: &BTreeMap<String, String>) -> Vec<(String, String)> {
    map.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
}

fn environment() -> BTreeMap<String, Secret> {
    let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, Secret::new(value.into_string().ok()?)))
    };
    let variables = std::env::vars_os().filter_map(text);
    variables.filter(|(name, _)| VARIABLES.iter().any(|start| name.starts_with(start))).collect()
}
