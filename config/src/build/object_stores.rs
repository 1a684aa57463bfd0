//! `s3`, `gcs` and `azure` below `storage.trace`, or below the client of user-configurable
//! overrides → how to reach an object store.

use std::collections::BTreeMap;

use crate::node::Value;
use crate::raw::Raw;
use crate::settings::{Azure, Backend, ClientTls, Gcs, S3, Trace, UserConfigurableClient};
use crate::value::FromNode;
use crate::warning::ConfigError;

type Done = Result<(), ConfigError>;

/// What S3 demands of all parts but the last.
const PART_BYTES_MIN: u64 = 5 << 20;
/// Parts are held in memory until they are sent.
const PART_BYTES_MAX: u64 = 256 << 20;
/// Bytes of a customer's key (AES-256).
const CUSTOMER_KEY_BYTES: usize = 32;

/// Reads the blocks of all three; what the chosen one needs is demanded.
pub(super) fn read(raw: &Raw, trace: &mut Trace) -> Done {
    const BLOCK: &str = "storage.trace";
    s3(raw, BLOCK, &mut trace.s3, trace.backend == Backend::S3)?;
    gcs(raw, BLOCK, &mut trace.gcs, trace.backend == Backend::Gcs)?;
    azure(raw, BLOCK, &mut trace.azure, trace.backend == Backend::Azure)
}

/// The same for what tenants set for themselves.
pub(super) fn read_of_users(
    raw: &Raw,
    block: &str,
    client: &mut UserConfigurableClient,
    enabled: bool,
) -> Done {
    let is_chosen = |name: &str| enabled && client.backend == name;
    let chosen = ["s3", "gcs", "azure"].map(is_chosen);
    s3(raw, block, &mut client.s3, chosen[0])?;
    gcs(raw, block, &mut client.gcs, chosen[1])?;
    azure(raw, block, &mut client.azure, chosen[2])
}

fn s3(raw: &Raw, block: &str, s3: &mut S3, chosen: bool) -> Done {
    let at = |key: &str| format!("{block}.s3.{key}");
    for (key, text) in [
        ("bucket", &mut s3.bucket),
        ("prefix", &mut s3.prefix),
        ("endpoint", &mut s3.endpoint),
        ("region", &mut s3.region),
        ("access_key", &mut s3.access_key),
        ("secret_key", &mut s3.secret_key),
        ("session_token", &mut s3.session_token),
        ("storage_class", &mut s3.storage_class),
        ("sse.type", &mut s3.sse.kind),
        ("sse.kms_key_id", &mut s3.sse.kms_key_id),
        ("sse.encryption_key", &mut s3.sse.encryption_key),
    ] {
        raw.read(&at(key), text)?;
    }
    raw.read(&at("insecure"), &mut s3.insecure)?;
    raw.read(&at("forcepathstyle"), &mut s3.forcepathstyle)?;
    raw.read(&at("enable_dual_stack"), &mut s3.enable_dual_stack)?;
    raw.read(&at("part_size"), &mut s3.part_size)?;
    raw.read(&at("bucket_lookup_type"), &mut s3.bucket_lookup_type)?;
    raw.read(&at("retry_max_attempts"), &mut s3.retry_max_attempts)?;
    raw.read(&at("retry_backoff_initial"), &mut s3.retry_backoff_initial)?;
    raw.read(&at("retry_backoff_max"), &mut s3.retry_backoff_max)?;
    raw.read(&at("list_blocks_concurrency"), &mut s3.list_blocks_concurrency)?;
    raw.read(&at("hedge_requests_at"), &mut s3.hedge_requests_at)?;
    raw.read(&at("hedge_requests_up_to"), &mut s3.hedge_requests_up_to)?;
    s3.tags = texts(raw, &at("tags"))?;
    s3.metadata = texts(raw, &at("metadata"))?;
    tls(raw, &format!("{block}.s3"), &mut s3.tls)?;
    if chosen {
        required(raw, &at("bucket"), &s3.bucket)?;
        check_s3(raw, block, s3)?;
    }
    Ok(())
}

fn check_s3(raw: &Raw, block: &str, s3: &S3) -> Done {
    let at = |key: &str| format!("{block}.s3.{key}");
    if s3.access_key.is_empty() != s3.secret_key.is_empty() {
        return Err(raw.error(&at("access_key"), "needs secret_key, and secret_key needs it"));
    }
    if s3.bucket_lookup_type > 2 {
        return Err(raw.error(&at("bucket_lookup_type"), "is none of 0 (auto), 1 (dns), 2 (path)"));
    }
    part_size(raw, &at("part_size"), s3.part_size)?;
    let key_bytes = s3.sse.encryption_key.len();
    match s3.sse.kind.as_str() {
        "" | "SSE-S3" => Ok(()),
        "SSE-KMS" => required(raw, &at("sse.kms_key_id"), &s3.sse.kms_key_id),
        "SSE-C" if key_bytes == CUSTOMER_KEY_BYTES => Ok(()),
        "SSE-C" => {
            let why = format!("has {key_bytes} bytes; SSE-C needs {CUSTOMER_KEY_BYTES}");
            Err(raw.error(&at("sse.encryption_key"), &why))
        }
        _ => Err(raw.error(&at("sse.type"), "is none of SSE-S3, SSE-KMS, SSE-C")),
    }
}

fn part_size(raw: &Raw, path: &str, bytes: u64) -> Done {
    if bytes == 0 || (PART_BYTES_MIN..=PART_BYTES_MAX).contains(&bytes) {
        return Ok(());
    }
    let why = format!("must be 0 or {PART_BYTES_MIN} to {PART_BYTES_MAX} bytes");
    Err(raw.error(path, &why))
}

/// TLS keys of a client in `block`.
pub(super) fn tls(raw: &Raw, block: &str, tls: &mut ClientTls) -> Done {
    let at = |key: &str| format!("{block}.{key}");
    raw.read(&at("tls_ca_path"), &mut tls.tls_ca_path)?;
    raw.read(&at("tls_cert_path"), &mut tls.tls_cert_path)?;
    raw.read(&at("tls_key_path"), &mut tls.tls_key_path)?;
    raw.read(&at("tls_server_name"), &mut tls.tls_server_name)?;
    raw.read(&at("tls_insecure_skip_verify"), &mut tls.tls_insecure_skip_verify)?;
    raw.read(&at("tls_min_version"), &mut tls.tls_min_version)?;
    if tls.tls_cert_path.as_os_str().is_empty() != tls.tls_key_path.as_os_str().is_empty() {
        return Err(raw.error(&at("tls_cert_path"), "needs tls_key_path, which needs it, too"));
    }
    match tls.tls_min_version.as_str() {
        "" | "VersionTLS10" | "VersionTLS11" | "VersionTLS12" | "VersionTLS13" => Ok(()),
        _ => Err(raw.error(&at("tls_min_version"), "is none of VersionTLS12, VersionTLS13")),
    }
}

fn gcs(raw: &Raw, block: &str, gcs: &mut Gcs, chosen: bool) -> Done {
    let at = |key: &str| format!("{block}.gcs.{key}");
    raw.read(&at("bucket_name"), &mut gcs.bucket_name)?;
    raw.read(&at("prefix"), &mut gcs.prefix)?;
    raw.read(&at("endpoint"), &mut gcs.endpoint)?;
    raw.read(&at("insecure"), &mut gcs.insecure)?;
    raw.read(&at("chunk_buffer_size"), &mut gcs.chunk_buffer_size)?;
    raw.read(&at("object_cache_control"), &mut gcs.object_cache_control)?;
    raw.read(&at("hedge_requests_at"), &mut gcs.hedge_requests_at)?;
    raw.read(&at("hedge_requests_up_to"), &mut gcs.hedge_requests_up_to)?;
    raw.read(&at("max_retries"), &mut gcs.max_retries)?;
    raw.read(&at("list_blocks_concurrency"), &mut gcs.list_blocks_concurrency)?;
    gcs.object_metadata = texts(raw, &at("object_metadata"))?;
    if chosen {
        required(raw, &at("bucket_name"), &gcs.bucket_name)?;
        part_size(raw, &at("chunk_buffer_size"), gcs.chunk_buffer_size)?;
    }
    Ok(())
}

fn azure(raw: &Raw, block: &str, azure: &mut Azure, chosen: bool) -> Done {
    let at = |key: &str| format!("{block}.azure.{key}");
    raw.read(&at("storage_account_name"), &mut azure.storage_account_name)?;
    raw.read(&at("storage_account_key"), &mut azure.storage_account_key)?;
    raw.read(&at("container_name"), &mut azure.container_name)?;
    raw.read(&at("prefix"), &mut azure.prefix)?;
    raw.read(&at("endpoint_suffix"), &mut azure.endpoint_suffix)?;
    raw.read(&at("use_managed_identity"), &mut azure.use_managed_identity)?;
    raw.read(&at("use_federated_token"), &mut azure.use_federated_token)?;
    raw.read(&at("user_assigned_id"), &mut azure.user_assigned_id)?;
    raw.read(&at("buffer_size"), &mut azure.buffer_size)?;
    raw.read(&at("hedge_requests_at"), &mut azure.hedge_requests_at)?;
    raw.read(&at("hedge_requests_up_to"), &mut azure.hedge_requests_up_to)?;
    if chosen {
        required(raw, &at("container_name"), &azure.container_name)?;
        if azure.buffer_size == 0 || azure.buffer_size > PART_BYTES_MAX {
            let why = format!("must be 1 to {PART_BYTES_MAX} bytes");
            return Err(raw.error(&at("buffer_size"), &why));
        }
    }
    Ok(())
}

fn required(raw: &Raw, path: &str, text: &str) -> Done {
    if text.is_empty() { Err(raw.error(path, "required")) } else { Ok(()) }
}

/// A map of texts.
fn texts(raw: &Raw, path: &str) -> Result<BTreeMap<String, String>, ConfigError> {
    let Some(node) = raw.at(path) else { return Ok(BTreeMap::new()) };
    let Value::Map(entries) = &node.value else { return Err(raw.error(path, "expected a map")) };
    let text = |entry: &crate::node::Entry| {
        let value = String::from_node(&entry.node);
        let value = value.map_err(|why| ConfigError::at(&entry.place, path, &why))?;
        Ok((entry.key.clone(), value))
    };
    entries.iter().map(text).collect()
}

#[cfg(test)]
#[path = "object_stores_tests.rs"]
mod tests;
