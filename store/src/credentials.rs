//! Credentials of S3, in the order of contract config.md §7.2: what is configured, the environment,
//! a web identity, the container or instance, a shared file.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use object_store::aws::{
    AmazonS3Builder, AmazonS3ConfigKey as Key, AwsCredential, AwsCredentialProvider,
};
use object_store::{CredentialProvider, RetryConfig};
use stringendo_ring::Clock;

use crate::build::{region, retry_config};
use crate::error::BuildError;
use crate::http::Connector;
use crate::renewal::{Renewal, Renewing};
use crate::settings::{Retry, S3, Settings};

/// A machine without a role is not asked for one again for so long.
const NO_ROLE_REST: Duration = Duration::from_secs(300);

/// Variables with keys and token: Amazon's, then MinIO's.
const KEYS: [[&str; 3]; 4] = [
    ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"],
    ["AWS_ACCESS_KEY", "AWS_SECRET_KEY", "AWS_SESSION_TOKEN"],
    ["MINIO_ROOT_USER", "MINIO_ROOT_PASSWORD", ""],
    ["MINIO_ACCESS_KEY", "MINIO_SECRET_KEY", ""],
];

/// Variables of roles, and what they are for the client.
const ROLES: [(&str, Key); 7] = [
    ("AWS_WEB_IDENTITY_TOKEN_FILE", Key::WebIdentityTokenFile),
    ("AWS_ROLE_ARN", Key::RoleArn),
    ("AWS_ROLE_SESSION_NAME", Key::RoleSessionName),
    ("AWS_ENDPOINT_URL_STS", Key::StsEndpoint),
    ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", Key::ContainerCredentialsRelativeUri),
    ("AWS_CONTAINER_CREDENTIALS_FULL_URI", Key::ContainerCredentialsFullUri),
    ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", Key::ContainerAuthorizationTokenFile),
];

/// Tells the client where credentials are; what renews them, if they can be renewed.
pub(crate) fn apply(
    s3: &S3,
    settings: &Settings,
    connector: Connector,
    builder: AmazonS3Builder,
) -> Result<(AmazonS3Builder, Option<Arc<dyn Renewal>>), BuildError> {
    let of_environment = || {
        KEYS.iter().find_map(|[id, secret, token]| {
            let (id, secret) = (settings.variable(id)?, settings.variable(secret)?);
            Some((id, secret, settings.variable(token)))
        })
    };
    let of_file = s3.keys.as_ref().map(|keys| {
        (keys.id.as_str(), keys.secret.reveal(), keys.token.as_ref().map(|token| token.reveal()))
    });
    if let Some((id, secret, token)) = of_file.or_else(of_environment) {
        let builder = builder.with_access_key_id(id).with_secret_access_key(secret);
        return Ok((token.into_iter().fold(builder, AmazonS3Builder::with_token), None));
    }
    let (s3, settings) = (s3.clone(), settings.clone());
    let renewing = Renewing::new(move || provider(&s3, &settings, &connector))?;
    Ok((builder.with_credentials(Arc::clone(&renewing) as _), Some(renewing)))
}

/// What gives credentials of a role, or those of a shared file.
fn provider(
    s3: &S3,
    settings: &Settings,
    connector: &Connector,
) -> Result<AwsCredentialProvider, BuildError> {
    let roles: Vec<_> =
        ROLES.into_iter().filter_map(|(name, key)| Some((key, settings.variable(name)?))).collect();
    let has = |wanted: &[Key]| wanted.iter().all(|key| roles.iter().any(|(known, _)| known == key));
    let has_role = has(&[Key::WebIdentityTokenFile, Key::RoleArn])
        || has(&[Key::ContainerCredentialsRelativeUri])
        || has(&[Key::ContainerCredentialsFullUri, Key::ContainerAuthorizationTokenFile]);
    if has_role {
        let builder = AmazonS3Builder::new()
            .with_bucket_name(&s3.bucket)
            .with_region(region(s3, settings))
            .with_retry(retry_config(&settings.retry))
            .with_http_connector(connector.clone());
        let builder =
            roles.into_iter().fold(builder, |it, (key, value)| it.with_config(key, value));
        return Ok(Arc::clone(builder.build()?.credentials()));
    }
    let file = shared_file(settings)?;
    let tries = if file.is_some() { 1 } else { settings.retry.attempts_max };
    let instance = instance_role(s3, settings, connector.clone(), tries)?;
    Ok(match file {
        Some(file) => Arc::new(InstanceThenFile { instance, file, failed: Mutex::default() }),
        None => instance,
    })
}

/// The provider of the instance's role. Where there is something else it is tried once, since
/// machines elsewhere have none.
fn instance_role(
    s3: &S3,
    settings: &Settings,
    connector: Connector,
    tries: usize,
) -> Result<AwsCredentialProvider, BuildError> {
    let retry: RetryConfig = retry_config(&Retry { attempts_max: tries, ..settings.retry });
    let builder = AmazonS3Builder::new().with_bucket_name(&s3.bucket).with_retry(retry);
    let builder = match settings.variable("AWS_EC2_METADATA_SERVICE_ENDPOINT") {
        Some(endpoint) => builder.with_metadata_endpoint(endpoint.trim_end_matches('/')),
        None => builder,
    };
    let client = builder.with_http_connector(connector).build()?;
    Ok(Arc::clone(client.credentials()))
}

#[derive(Debug)]
struct InstanceThenFile {
    instance: AwsCredentialProvider,
    file: Arc<AwsCredential>,
    /// When the machine had no role.
    failed: Mutex<Option<Duration>>,
}

impl InstanceThenFile {
    fn may_have_role(&self, now: Duration) -> bool {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.is_none_or(|failed| now.saturating_sub(failed) >= NO_ROLE_REST)
    }
}

#[async_trait]
impl CredentialProvider for InstanceThenFile {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        if self.may_have_role(Clock::System.monotonic()) {
            if let Ok(given) = self.instance.get_credential().await {
                return Ok(given);
            }
            let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
            *failed = Some(Clock::System.monotonic());
        }
        Ok(Arc::clone(&self.file))
    }
}

/// Keys of the profile in `~/.aws/credentials` or the file that the environment names.
fn shared_file(settings: &Settings) -> Result<Option<Arc<AwsCredential>>, BuildError> {
    let named = settings.variable("AWS_SHARED_CREDENTIALS_FILE").map(PathBuf::from);
    let home = settings.variable("HOME").map(|home| PathBuf::from(home).join(".aws/credentials"));
    let Some(path) = named.or(home) else { return Ok(None) };
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(BuildError::File(format!("{}: {error}", path.display()))),
    };
    let profile = settings.variable("AWS_PROFILE").unwrap_or("default");
    Ok(keys_of(&text, profile).map(Arc::new))
}

fn keys_of(text: &str, profile: &str) -> Option<AwsCredential> {
    let (mut id, mut secret, mut token) = (None, None, None);
    let mut inside = false;
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            inside = name.trim() == profile;
        } else if let (true, Some((key, value))) = (inside, line.split_once('=')) {
            let value = Some(value.trim().to_owned());
            match key.trim() {
                "aws_access_key_id" => id = value,
                "aws_secret_access_key" => secret = value,
                "aws_session_token" => token = value,
                _ => {}
            }
        }
    }
    Some(AwsCredential { key_id: id?, secret_key: secret?, token })
}

#[cfg(test)]
#[path = "credentials_tests.rs"]
mod tests;
