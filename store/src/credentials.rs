//! Credentials of S3, in the order of contract config.md §7.2: what is configured, the environment,
//! a web identity, the container or instance, a shared file.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use object_store::aws::{
    AmazonS3Builder, AmazonS3ConfigKey as Key, AwsCredential, AwsCredentialProvider,
};
use object_store::{CredentialProvider, RetryConfig};

use crate::build::retry_config;
use crate::error::BuildError;
use crate::http::Connector;
use crate::settings::{Retry, S3, Settings};

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

/// Tells the client where credentials are.
pub(crate) fn apply(
    s3: &S3,
    settings: &Settings,
    connector: Connector,
    builder: AmazonS3Builder,
) -> Result<AmazonS3Builder, BuildError> {
    if let Some(keys) = &s3.keys {
        let builder = builder.with_access_key_id(&keys.id);
        let builder = builder.with_secret_access_key(keys.secret.reveal());
        return Ok(match &keys.token {
            Some(token) => builder.with_token(token.reveal()),
            None => builder,
        });
    }
    for [id, secret, token] in KEYS {
        let (Some(id), Some(secret)) = (settings.variable(id), settings.variable(secret)) else {
            continue;
        };
        let builder = builder.with_access_key_id(id).with_secret_access_key(secret);
        return Ok(match settings.variable(token) {
            Some(token) => builder.with_token(token),
            None => builder,
        });
    }
    let roles: Vec<_> =
        ROLES.into_iter().filter_map(|(name, key)| Some((key, settings.variable(name)?))).collect();
    let has_role = settings.variable(ROLES[0].0).is_some()
        || roles.iter().any(|(key, _)| {
            matches!(key, Key::ContainerCredentialsRelativeUri | Key::ContainerCredentialsFullUri)
        });
    let builder =
        roles.into_iter().fold(builder, |builder, (key, value)| builder.with_config(key, value));
    match shared_file(settings)? {
        Some(file) if !has_role => {
            let instance = instance_role(s3, settings, connector)?;
            Ok(builder.with_credentials(Arc::new(InstanceThenFile { instance, file })))
        }
        _ => Ok(builder),
    }
}

/// The provider of the instance's role. It is tried once and not for long, since machines
/// elsewhere have none.
fn instance_role(
    s3: &S3,
    settings: &Settings,
    connector: Connector,
) -> Result<AwsCredentialProvider, BuildError> {
    let once = RetryConfig {
        max_retries: 0,
        ..retry_config(&Retry { attempts_max: 1, ..settings.retry })
    };
    let builder = AmazonS3Builder::new().with_bucket_name(&s3.bucket).with_retry(once);
    let builder = match settings.variable("AWS_EC2_METADATA_SERVICE_ENDPOINT") {
        Some(endpoint) => builder.with_metadata_endpoint(endpoint),
        None => builder,
    };
    let client = builder.with_http_connector(connector).build()?;
    Ok(Arc::clone(client.credentials()))
}

#[derive(Debug)]
struct InstanceThenFile {
    instance: AwsCredentialProvider,
    file: Arc<AwsCredential>,
}

#[async_trait]
impl CredentialProvider for InstanceThenFile {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        Ok(self.instance.get_credential().await.unwrap_or_else(|_| Arc::clone(&self.file)))
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
