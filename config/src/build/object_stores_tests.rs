use std::path::PathBuf;

use crate::cli::{Command, parse};
use crate::load::{Loaded, load};
use crate::settings::Backend;
use crate::warning::ConfigError;

fn loaded(source: &str) -> Result<Loaded, ConfigError> {
    let Ok(Command::Serve(mut options)) = parse(std::iter::empty()) else { panic!("no flags") };
    options.config_file = Some(PathBuf::from("x.yaml"));
    load(&options, &|_| None, &|_| Ok(source.to_owned()))
}

fn error(trace: &str) -> String {
    loaded(&format!("storage: {{trace: {{{trace}}}}}\n")).expect_err("is refused").to_string()
}

#[test]
fn keys_of_s3_are_read() {
    let source = "
storage:
  trace:
    backend: s3
    s3:
      bucket: traces
      prefix: a/b
      endpoint: minio:9000
      access_key: tempo
      secret_key: supersecret
      insecure: true
      forcepathstyle: true
      part_size: 10485760
      tags: {team: obs}
      metadata: {x-origin: here}
      storage_class: STANDARD_IA
      hedge_requests_at: 500ms
      hedge_requests_up_to: 3
      retry_max_attempts: 4
      retry_backoff_initial: 10ms
      sse: {type: SSE-KMS, kms_key_id: k}
      tls_ca_path: /ca.pem
      tls_min_version: VersionTLS13
";
    let loaded = loaded(source).expect("is read");
    let trace = &loaded.settings.storage.trace;
    assert_eq!(trace.backend, Backend::S3);
    let s3 = &trace.s3;
    assert_eq!((s3.bucket.as_str(), s3.endpoint.as_str()), ("traces", "minio:9000"));
    assert_eq!((s3.part_size, s3.hedge_requests_up_to, s3.retry_max_attempts), (10 << 20, 3, 4));
    assert_eq!(s3.hedge_requests_at.as_millis(), 500);
    assert_eq!(s3.retry_backoff_max.as_secs(), 1);
    assert_eq!(s3.tags.get("team").map(String::as_str), Some("obs"));
    assert_eq!(s3.sse.kms_key_id, "k");
    assert_eq!(s3.tls.tls_ca_path.to_str(), Some("/ca.pem"));
    let shown = loaded.settings.to_yaml();
    assert!(shown.contains("bucket: traces") && !shown.contains("supersecret"));
}

#[test]
fn what_cannot_be_honoured_is_a_warning_that_names_it() {
    let source = "storage: {trace: {backend: s3, s3: {bucket: b, signature_v2: true, \
                  sse: {kms_encryption_context: '{}'}, tls_cipher_suites: X}}}\n";
    let warnings = loaded(source).expect("is read").warnings;
    for key in ["s3.signature_v2", "s3.sse.kms_encryption_context", "s3.tls_cipher_suites"] {
        assert!(warnings.iter().any(|warning| warning.text.contains(key)), "{key}: {warnings:?}");
    }
}

#[test]
fn keys_of_azure_are_read_with_their_old_names_too() {
    let source = "storage: {trace: {backend: azure, azure: {storage-account-name: me, \
                  container-name: c, endpoint_suffix: 'azurite:10000', hedge-requests-at: 1s}}}\n";
    let loaded = loaded(source).expect("is read");
    let azure = &loaded.settings.storage.trace.azure;
    assert_eq!((azure.storage_account_name.as_str(), azure.container_name.as_str()), ("me", "c"));
    assert_eq!(azure.hedge_requests_at.as_secs(), 1);
}

#[test]
fn stores_that_cannot_be_are_refused_with_their_key() {
    for (trace, words) in [
        ("backend: s3", "`storage.trace.s3.bucket`: required"),
        ("backend: gcs", "`storage.trace.gcs.bucket_name`: required"),
        ("backend: azure", "`storage.trace.azure.container_name`: required"),
        ("backend: s3, s3: {bucket: b, access_key: x}", "s3.access_key"),
        ("backend: s3, s3: {bucket: b, part_size: 1000}", "s3.part_size"),
        ("backend: s3, s3: {bucket: b, bucket_lookup_type: 3}", "s3.bucket_lookup_type"),
        ("backend: s3, s3: {bucket: b, sse: {type: X}}", "s3.sse.type"),
        ("backend: s3, s3: {bucket: b, sse: {type: SSE-C, encryption_key: x}}", "SSE-C needs 32"),
        ("backend: s3, s3: {bucket: b, tls_cert_path: x}", "s3.tls_cert_path"),
        ("backend: s3, s3: {bucket: b, tls_min_version: x}", "s3.tls_min_version"),
        ("backend: s3, s3: {bucket: b, tags: [x]}", "s3.tags"),
        ("backend: azure, azure: {container_name: c, buffer_size: 0}", "azure.buffer_size"),
        ("backend: swift", "unknown backend `swift`"),
    ] {
        let error = error(trace);
        assert!(error.contains(words), "{trace}: {error}");
    }
}

#[test]
fn stores_of_user_configurable_overrides_have_the_same_keys() {
    let own = |client: &str| {
        let client = format!("user_configurable_overrides: {{enabled: true, client: {client}}}");
        loaded(&format!(
            "storage: {{trace: {{backend: local, local: {{path: /t}}}}}}\noverrides: {{{client}}}\n"
        ))
    };
    let source = "{backend: s3, s3: {bucket: own, insecure: true, tls_ca_path: /ca.pem}}";
    let settings = own(source).expect("is read").settings;
    let client = &settings.overrides.user_configurable_overrides.client;
    assert_eq!((client.s3.bucket.as_str(), client.s3.insecure), ("own", true));
    assert_eq!(client.s3.tls.tls_ca_path.to_str(), Some("/ca.pem"));
    assert_eq!(settings.storage.trace.s3.bucket, "", "not those of blocks");
    for (client, words) in [
        ("{backend: s3}", "user_configurable_overrides.client.s3.bucket`: required"),
        ("{backend: gcs}", "user_configurable_overrides.client.gcs.bucket_name`: required"),
        ("{backend: azure}", "client.azure.container_name`: required"),
        ("{backend: local}", "client.local.path`: required"),
        ("{backend: swift}", "`swift` is none of"),
        ("{}", "client.backend`: required"),
    ] {
        let error = own(client).expect_err("is refused").to_string();
        assert!(error.contains(words), "{client}: {error}");
    }
}
