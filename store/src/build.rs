//! From settings to a client of the store.

use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::{GcpCredential, GoogleCloudStorageBuilder};
use object_store::{BackoffConfig, ObjectStore, RetryConfig, StaticCredentialProvider};

use crate::credentials;
use crate::error::BuildError;
use crate::http::Connector;
use crate::renewal::{Renewal, Renewing};
use crate::settings::{Addressing, Azure, Encryption, Gcs, Kind, Retry, S3, Settings};

/// However often it is tried, a request ends after so long: whoever waits has given up, and a
/// signature is valid for 15 minutes.
const TRIES_MAX: std::time::Duration = std::time::Duration::from_secs(120);

/// A client, and what renews its credentials, if they can be renewed.
pub(crate) struct Built {
    pub(crate) client: Arc<dyn ObjectStore>,
    pub(crate) renewal: Option<Arc<dyn Renewal>>,
}

/// Makes the client.
pub(crate) fn build(settings: &Settings, connector: Connector) -> Result<Built, BuildError> {
    match &settings.kind {
        Kind::S3(s3) => {
            let (builder, renewal) = self::s3(s3, settings, connector)?;
            Ok(Built { client: Arc::new(builder.build()?), renewal })
        }
        Kind::Gcs(gcs) => self::gcs(gcs, settings, connector),
        Kind::Azure(azure) => self::azure(azure, settings, connector),
    }
}

/// Gives the builder of a store credentials that can be renewed: those that a store has that is
/// built the same way.
macro_rules! renewing {
    ($builder:expr) => {{
        let builder = $builder;
        let fresh = builder.clone();
        let renewing = Renewing::new(move || Ok(Arc::clone(fresh.clone().build()?.credentials())))?;
        let client = builder.with_credentials(Arc::clone(&renewing) as _).build()?;
        Ok(Built { client: Arc::new(client), renewal: Some(renewing) })
    }};
}

pub(crate) fn retry_config(retry: &Retry) -> RetryConfig {
    let backoff =
        BackoffConfig { init_backoff: retry.pause_min, max_backoff: retry.pause_max, base: 2.0 };
    let max_retries = retry.attempts_max.saturating_sub(1);
    RetryConfig { backoff, max_retries, retry_timeout: TRIES_MAX }
}

fn s3(
    s3: &S3,
    settings: &Settings,
    connector: Connector,
) -> Result<(AmazonS3Builder, Option<Arc<dyn Renewal>>), BuildError> {
    let region = region(s3, settings);
    let (url, in_host) = s3_endpoint(s3, &region);
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(&s3.bucket)
        .with_region(&region)
        .with_endpoint(url)
        .with_virtual_hosted_style_request(in_host)
        .with_allow_http(true)
        .with_retry(retry_config(&settings.retry))
        .with_http_connector(connector.clone());
    builder = match &s3.encryption {
        None => builder,
        Some(Encryption::S3) => builder
            .with_config("aws_server_side_encryption".parse::<AmazonS3ConfigKey>()?, "AES256"),
        Some(Encryption::Kms(key)) => builder.with_sse_kms_encryption(key),
        Some(Encryption::Customer(key)) => {
            builder.with_ssec_encryption(BASE64_STANDARD.encode(key.reveal()))
        }
    };
    credentials::apply(s3, settings, connector, builder)
}

/// The region: as configured, as Amazon's endpoint says, as the environment says, or the oldest.
pub(crate) fn region(s3: &S3, settings: &Settings) -> String {
    let configured = Some(s3.region.as_str()).filter(|region| !region.is_empty());
    let variable = |name| settings.variable(name);
    configured
        .or_else(|| amazon_region(&s3.endpoint))
        .or_else(|| variable("AWS_REGION"))
        .or_else(|| variable("AWS_DEFAULT_REGION"))
        .unwrap_or("us-east-1")
        .to_owned()
}

/// The region in the name of an endpoint of Amazon, as in `s3.dualstack.eu-west-1.amazonaws.com`.
fn amazon_region(endpoint: &str) -> Option<&str> {
    let (_, host) = endpoint.split_once("://").unwrap_or(("", endpoint));
    let host = host.split([':', '/']).next()?;
    let name = host.strip_suffix(".amazonaws.com").or(host.strip_suffix(".amazonaws.com.cn"))?;
    let region = name.rsplit(['.']).next()?;
    let region = region.strip_prefix("s3-").unwrap_or(region);
    region.contains('-').then_some(region)
}

/// URL of the endpoint, with the bucket in its host if that is what the second value says.
fn s3_endpoint(s3: &S3, region: &str) -> (String, bool) {
    let scheme = if s3.insecure { "http" } else { "https" };
    let is_amazon = |host: &str| host.ends_with(".amazonaws.com");
    let dual = if s3.dual_stack { ".dualstack" } else { "" };
    let endpoint = s3.endpoint.trim_end_matches('/');
    let (scheme, host) = endpoint.split_once("://").unwrap_or((scheme, endpoint));
    let plain_amazon = is_amazon(host) && (host == "s3.amazonaws.com" || s3.dual_stack);
    let host = if host.is_empty() || plain_amazon {
        format!("s3{dual}.{region}.amazonaws.com")
    } else {
        host.to_owned()
    };
    // A certificate for `*.s3…` does not fit a bucket with a dot in its name.
    let fits = !(scheme == "https" && s3.bucket.contains('.'));
    let in_host = match s3.addressing {
        Addressing::Host => true,
        Addressing::Path => false,
        Addressing::Auto => {
            let host = host.split(':').next().unwrap_or_default();
            fits && (is_amazon(host) || host == "storage.googleapis.com")
        }
    };
    let bucket = if in_host { format!("{}.", s3.bucket) } else { String::new() };
    (format!("{scheme}://{bucket}{host}"), in_host)
}

fn gcs(gcs: &Gcs, settings: &Settings, connector: Connector) -> Result<Built, BuildError> {
    let mut builder = GoogleCloudStorageBuilder::new()
        .with_bucket_name(&gcs.bucket)
        .with_skip_signature(gcs.insecure)
        .with_retry(retry_config(&settings.retry))
        .with_http_connector(connector);
    if !gcs.endpoint.is_empty() {
        builder = builder.with_base_url(&gcs_endpoint(&gcs.endpoint)?);
    }
    if gcs.insecure {
        // Some requests would ask for a token all the same.
        let nobody = GcpCredential { bearer: String::new() };
        builder = builder.with_credentials(Arc::new(StaticCredentialProvider::new(nobody)));
        return Ok(Built { client: Arc::new(builder.build()?), renewal: None });
    }
    if let Some(path) = settings.variable("GOOGLE_APPLICATION_CREDENTIALS") {
        builder = builder.with_application_credentials(path);
    }
    renewing!(builder)
}

/// Clients that speak JSON name its path, too; this one speaks XML, which is at the root.
fn gcs_endpoint(endpoint: &str) -> Result<String, BuildError> {
    let endpoint = endpoint.trim_end_matches('/');
    let endpoint = endpoint.strip_suffix("/storage/v1").unwrap_or(endpoint);
    if endpoint.starts_with("http://") || endpoint.starts_with("https://") {
        return Ok(endpoint.to_owned());
    }
    Err(BuildError::Setting(format!("gcs.endpoint: {endpoint:?} is no URL with http or https")))
}

fn azure(azure: &Azure, settings: &Settings, connector: Connector) -> Result<Built, BuildError> {
    let account = Some(azure.account.as_str()).filter(|name| !name.is_empty());
    let account = account.or_else(|| settings.variable("AZURE_STORAGE_ACCOUNT"));
    let account = account.unwrap_or_default();
    let mut builder = MicrosoftAzureBuilder::new()
        .with_account(account)
        .with_container_name(&azure.container)
        .with_endpoint(azure_endpoint(azure, account))
        .with_allow_http(true)
        .with_retry(retry_config(&settings.retry))
        .with_http_connector(connector);
    let key = azure.key.as_ref().map(|key| key.reveal());
    if azure.federated_token {
        for (name, set) in FEDERATED {
            if let Some(value) = settings.variable(name) {
                builder = set(builder, value.to_owned());
            }
        }
    } else if azure.managed_identity || !azure.user_assigned_id.is_empty() {
        if !azure.user_assigned_id.is_empty() {
            builder = builder.with_client_id(&azure.user_assigned_id);
        }
        if let Some(endpoint) = settings.variable("IDENTITY_ENDPOINT") {
            builder = builder.with_msi_endpoint(endpoint);
        }
    } else if let Some(key) = key.or_else(|| settings.variable("AZURE_STORAGE_KEY")) {
        builder = builder.with_access_key(key);
        return Ok(Built { client: Arc::new(builder.build()?), renewal: None });
    }
    renewing!(builder)
}

type SetAzure = fn(MicrosoftAzureBuilder, String) -> MicrosoftAzureBuilder;

/// Variables that a workload with a federated token has.
const FEDERATED: [(&str, SetAzure); 4] = [
    ("AZURE_CLIENT_ID", |builder, value| builder.with_client_id(value)),
    ("AZURE_TENANT_ID", |builder, value| builder.with_tenant_id(value)),
    ("AZURE_FEDERATED_TOKEN_FILE", |builder, value| builder.with_federated_token_file(value)),
    ("AZURE_AUTHORITY_HOST", |builder, value| builder.with_authority_host(value)),
];

fn azure_endpoint(azure: &Azure, account: &str) -> String {
    let suffix = azure.endpoint_suffix.trim_end_matches('/');
    if suffix.starts_with("blob.") {
        format!("https://{account}.{suffix}")
    } else {
        format!("http://{suffix}/{account}")
    }
}

#[cfg(test)]
#[path = "build_tests.rs"]
mod tests;
