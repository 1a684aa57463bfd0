//! `storage.trace.{s3,gcs,azure}`: blocks in an object store (config.md §7.2–7.4).

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use crate::duration::as_text;

/// Amazon S3 and what speaks its protocol.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct S3 {
    /// Bucket; required with backend `s3`.
    pub bucket: String,
    /// Before all keys.
    pub prefix: String,
    /// Host and port; empty for Amazon's of the region.
    pub endpoint: String,
    /// Region; empty follows from the endpoint or the environment.
    pub region: String,
    /// Access key; empty: credentials are looked for.
    pub access_key: String,
    /// Secret key.
    pub secret_key: String,
    /// Session token.
    pub session_token: String,
    /// HTTP rather than HTTPS.
    pub insecure: bool,
    /// The bucket in the path of URLs, wherever the endpoint is.
    pub forcepathstyle: bool,
    /// 0: as the endpoint needs it; 1: the bucket in the host's name; 2: in the path.
    pub bucket_lookup_type: u64,
    /// Amazon's endpoints that also have IPv6 addresses.
    pub enable_dual_stack: bool,
    /// Bytes of a part of a multipart upload; 0 is the default.
    pub part_size: u64,
    /// Tags of each object.
    pub tags: BTreeMap<String, String>,
    /// Metadata of each object.
    pub metadata: BTreeMap<String, String>,
    /// Storage class of each object.
    pub storage_class: String,
    /// Encryption by the store.
    pub sse: Sse,
    /// Reads that take longer are asked for again; 0 is never.
    #[serde(serialize_with = "as_text")]
    pub hedge_requests_at: Duration,
    /// Requests of one read in all.
    pub hedge_requests_up_to: u64,
    /// Tries of a request.
    pub retry_max_attempts: u64,
    /// First pause between tries, about.
    #[serde(serialize_with = "as_text")]
    pub retry_backoff_initial: Duration,
    /// Longest pause.
    #[serde(serialize_with = "as_text")]
    pub retry_backoff_max: Duration,
    /// Ranges of a tenant's keys that are listed at the same time.
    pub list_blocks_concurrency: u64,
    /// Transport security.
    #[serde(flatten)]
    pub tls: ClientTls,
}

impl Default for S3 {
    fn default() -> Self {
        Self {
            bucket: String::new(),
            prefix: String::new(),
            endpoint: String::new(),
            region: String::new(),
            access_key: String::new(),
            secret_key: String::new(),
            session_token: String::new(),
            insecure: false,
            forcepathstyle: false,
            bucket_lookup_type: 0,
            enable_dual_stack: false,
            part_size: 0,
            tags: BTreeMap::new(),
            metadata: BTreeMap::new(),
            storage_class: String::new(),
            sse: Sse::default(),
            hedge_requests_at: Duration::ZERO,
            hedge_requests_up_to: 2,
            retry_max_attempts: 10,
            retry_backoff_initial: Duration::from_millis(200),
            retry_backoff_max: Duration::from_secs(1),
            list_blocks_concurrency: 3,
            tls: ClientTls::default(),
        }
    }
}

/// Encryption by S3.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Sse {
    /// Empty, `SSE-S3`, `SSE-KMS` or `SSE-C`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Key of the key management service, for `SSE-KMS`.
    pub kms_key_id: String,
    /// 32 bytes, for `SSE-C`.
    pub encryption_key: String,
}

/// Transport security of a client.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ClientTls {
    /// Certificates of authorities in PEM, beside those of the system.
    pub tls_ca_path: PathBuf,
    /// Our certificate in PEM.
    pub tls_cert_path: PathBuf,
    /// Its key.
    pub tls_key_path: PathBuf,
    /// Name that the server's certificate must have; empty for the host's.
    pub tls_server_name: String,
    /// Certificates are not checked.
    pub tls_insecure_skip_verify: bool,
    /// `VersionTLS12` or `VersionTLS13`; empty for the former.
    pub tls_min_version: String,
}

/// Google Cloud Storage.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Gcs {
    /// Bucket; required with backend `gcs`.
    pub bucket_name: String,
    /// Before all keys.
    pub prefix: String,
    /// URL of another server; empty for Google's.
    pub endpoint: String,
    /// Neither signatures nor checks of certificates.
    pub insecure: bool,
    /// Bytes of a part of a multipart upload.
    pub chunk_buffer_size: u64,
    /// Cache control of each object.
    pub object_cache_control: String,
    /// Metadata of each object.
    pub object_metadata: BTreeMap<String, String>,
    /// Reads that take longer are asked for again; 0 is never.
    #[serde(serialize_with = "as_text")]
    pub hedge_requests_at: Duration,
    /// Requests of one read in all.
    pub hedge_requests_up_to: u64,
    /// Tries of a request after the first.
    pub max_retries: u64,
    /// Ranges of a tenant's keys that are listed at the same time.
    pub list_blocks_concurrency: u64,
}

impl Default for Gcs {
    fn default() -> Self {
        Self {
            bucket_name: String::new(),
            prefix: String::new(),
            endpoint: String::new(),
            insecure: false,
            chunk_buffer_size: 10 << 20,
            object_cache_control: String::new(),
            object_metadata: BTreeMap::new(),
            hedge_requests_at: Duration::ZERO,
            hedge_requests_up_to: 2,
            max_retries: 3,
            list_blocks_concurrency: 3,
        }
    }
}

/// Azure Blob Storage.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Azure {
    /// Storage account; empty is that of the environment.
    pub storage_account_name: String,
    /// Its key; empty: that of the environment, or of an identity.
    pub storage_account_key: String,
    /// Container; required with backend `azure`.
    pub container_name: String,
    /// Before all keys.
    pub prefix: String,
    /// After the account in the host's name.
    pub endpoint_suffix: String,
    /// Credentials of the machine.
    pub use_managed_identity: bool,
    /// Credentials of the workload.
    pub use_federated_token: bool,
    /// Which of the machine's identities.
    pub user_assigned_id: String,
    /// Bytes of a part of an upload.
    pub buffer_size: u64,
    /// Reads that take longer are asked for again; 0 is never.
    #[serde(serialize_with = "as_text")]
    pub hedge_requests_at: Duration,
    /// Requests of one read in all.
    pub hedge_requests_up_to: u64,
}

impl Default for Azure {
    fn default() -> Self {
        Self {
            storage_account_name: String::new(),
            storage_account_key: String::new(),
            container_name: String::new(),
            prefix: String::new(),
            endpoint_suffix: "blob.core.windows.net".to_owned(),
            use_managed_identity: false,
            use_federated_token: false,
            user_assigned_id: String::new(),
            buffer_size: 3 << 20,
            hedge_requests_at: Duration::ZERO,
            hedge_requests_up_to: 2,
        }
    }
}
