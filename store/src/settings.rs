//! What a store must be told: validated values, from whatever configuration.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// A store and how it is used.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Which store.
    pub kind: Kind,
    /// Before all keys, without slashes at its ends; empty for none.
    pub prefix: String,
    /// Reads that take long are asked for again.
    pub hedging: Option<Hedging>,
    /// Failed requests are tried again.
    pub retry: Retry,
    /// Bytes of a part of a multipart upload; an object that is smaller is written at once.
    pub part_bytes: usize,
    /// Ranges of keys of one tenant that are listed at the same time.
    pub listings_at_once: usize,
    /// What is written with each object.
    pub labels: Labels,
    /// Transport security.
    pub tls: Tls,
    /// Variables of the environment that tell of credentials and roles.
    pub environment: BTreeMap<String, Secret>,
}

impl Settings {
    /// A variable that is set and not empty.
    pub(crate) fn variable(&self, name: &str) -> Option<&str> {
        self.environment.get(name).map(Secret::reveal).filter(|value| !value.is_empty())
    }
}

/// Which store.
#[derive(Clone, Debug)]
pub enum Kind {
    /// Amazon S3 and what speaks its protocol.
    S3(S3),
    /// Google Cloud Storage.
    Gcs(Gcs),
    /// Azure Blob Storage.
    Azure(Azure),
}

impl Kind {
    /// For messages.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::S3(_) => "s3",
            Self::Gcs(_) => "gcs",
            Self::Azure(_) => "azure",
        }
    }
}

/// A bucket of S3.
#[derive(Clone, Debug, Default)]
pub struct S3 {
    /// Its name.
    pub bucket: String,
    /// Host and port; empty for Amazon's of the region.
    pub endpoint: String,
    /// Empty: follows from the endpoint or the environment, else `us-east-1`.
    pub region: String,
    /// HTTP rather than HTTPS.
    pub insecure: bool,
    /// How the bucket is named in a URL.
    pub addressing: Addressing,
    /// Amazon's endpoints that also have IPv6 addresses.
    pub dual_stack: bool,
    /// Keys that were configured; otherwise they are looked for.
    pub keys: Option<Keys>,
    /// Encryption by the store.
    pub encryption: Option<Encryption>,
}

/// How a bucket is named in a URL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Addressing {
    /// Hosts of Amazon and Google have it in their name, others in the path.
    #[default]
    Auto,
    /// In the host's name.
    Host,
    /// In the path.
    Path,
}

/// Keys of S3.
#[derive(Clone, Debug)]
pub struct Keys {
    /// Access key.
    pub id: String,
    /// Secret key.
    pub secret: Secret,
    /// Session token.
    pub token: Option<Secret>,
}

/// Encryption by S3.
#[derive(Clone, Debug)]
pub enum Encryption {
    /// With keys of S3.
    S3,
    /// With a key of the key management service.
    Kms(String),
    /// With a key that is sent along: 32 bytes.
    Customer(Secret),
}

/// A bucket of Google Cloud Storage.
#[derive(Clone, Debug, Default)]
pub struct Gcs {
    /// Its name.
    pub bucket: String,
    /// URL of another server; empty for Google's.
    pub endpoint: String,
    /// Neither signatures nor checks of certificates.
    pub insecure: bool,
}

/// A container of Azure.
#[derive(Clone, Debug, Default)]
pub struct Azure {
    /// Storage account.
    pub account: String,
    /// Its key.
    pub key: Option<Secret>,
    /// Container.
    pub container: String,
    /// `blob.core.windows.net` or alike, with the account as host before it; anything that does not
    /// begin with `blob.` is a host of an emulator, with the account in the path.
    pub endpoint_suffix: String,
    /// Credentials of the machine.
    pub managed_identity: bool,
    /// Credentials of a workload: a token in a file.
    pub federated_token: bool,
    /// Which of the machine's identities.
    pub user_assigned_id: String,
}

/// Reads that take long are asked for again, and the first answer counts.
#[derive(Clone, Copy, Debug)]
pub struct Hedging {
    /// After so long, and again after so long.
    pub after: Duration,
    /// Requests in all.
    pub requests_max: usize,
}

/// Failed requests are tried again, after pauses that grow and are random.
#[derive(Clone, Copy, Debug)]
pub struct Retry {
    /// Tries in all.
    pub attempts_max: usize,
    /// First pause, about.
    pub pause_min: Duration,
    /// Longest pause.
    pub pause_max: Duration,
}

/// What is written with each object.
#[derive(Clone, Debug, Default)]
pub struct Labels {
    /// Tags (S3).
    pub tags: Vec<(String, String)>,
    /// Metadata of the user.
    pub metadata: Vec<(String, String)>,
    /// Storage class.
    pub storage_class: Option<String>,
    /// Cache control.
    pub cache_control: Option<String>,
}

/// Transport security.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// Certificates of authorities in PEM, beside those of the system.
    pub ca_path: Option<PathBuf>,
    /// Our certificate in PEM, with its key.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// Name that the server's certificate must have, if not the host's.
    pub server_name: Option<String>,
    /// Certificates are not checked.
    pub insecure_skip_verify: bool,
    /// TLS 1.3 at least, rather than 1.2.
    pub tls13_only: bool,
}

/// A text that no log shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}
