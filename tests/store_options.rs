//! What a configuration says of an object store arrives there: transport security, encryption by
//! the store, labels of objects, addresses.

#[path = "common/bucket.rs"]
mod bucket;
mod common;

use bucket::{Bucket, options_with, with_a_block};
use common::{Options, Server, spans, wait};
use stringendo_teststores::{
    ACCESS_KEY, Proxy, Request, S3Server, SECRET_KEY, Tls, certificate_path,
};

fn keys<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let keys = ["access_key: AKIATEST", "secret_key: not-so-secret"];
    assert!(keys[0].ends_with(ACCESS_KEY) && keys[1].ends_with(SECRET_KEY));
    keys.into_iter().chain(more.iter().copied()).collect()
}

/// A line of the configuration with the path of a file of certificates.
fn file(key: &str, name: &str) -> String {
    format!("{key}: {}", certificate_path(name).display())
}

/// Starts a server on a store with TLS. Whether it writes blocks there; if not, why.
fn tried(tls: Tls, lines: &[&str]) -> Result<(), String> {
    let bucket = Bucket::new();
    let proxy = Proxy::with_tls(bucket.server_address(), tls);
    let options = options_with(&proxy.address().to_string(), &keys(lines));
    let mut server = Server::prepare(options.clone());
    server.spawn();
    let failure = "the list of blocks could not be read";
    let failed = wait::until("it is ready or fails", || {
        let log = server.log();
        log.contains(failure)
            .then(|| Some(log.clone()))
            .or_else(|| log.contains("core is ready").then_some(None))
    });
    if let Some(log) = failed {
        return Err(log);
    }
    drop(server);
    with_a_block(options);
    assert!(!bucket.objects("meta.json").is_empty());
    Ok(())
}

fn refused(tls: Tls, lines: &[&str], words: &str) {
    let log = tried(tls, lines).expect_err("it does not get on");
    assert!(log.contains(words), "{words}: {log}");
}

#[test]
fn a_store_with_a_certificate_of_a_known_authority_is_believed_and_others_are_not() {
    let ca = file("tls_ca_path", "ca.pem");
    assert_eq!(tried(Tls::default(), &[&ca]), Ok(()));
    refused(Tls::default(), &[], "certificate");
    assert_eq!(tried(Tls::default(), &["tls_insecure_skip_verify: true"]), Ok(()));
}

#[test]
fn the_name_in_the_certificate_may_be_told() {
    let named = Tls { certificate: "named", ..Tls::default() };
    let ca = file("tls_ca_path", "ca.pem");
    assert_eq!(tried(named, &[&ca, "tls_server_name: store.test"]), Ok(()));
    refused(named, &[&ca], "not valid for");
}

#[test]
fn a_certificate_is_shown_to_a_store_that_asks_for_one() {
    let asking = Tls { asks_clients: true, ..Tls::default() };
    let ca = file("tls_ca_path", "ca.pem");
    let certificate = file("tls_cert_path", "client.pem");
    let key = file("tls_key_path", "client.key.pem");
    assert_eq!(tried(asking, &[&ca, &certificate, &key]), Ok(()));
    refused(asking, &[&ca], "CertificateRequired");
}

#[test]
fn a_store_with_an_older_version_than_wanted_is_not_spoken_to() {
    let old = Tls { is_old: true, ..Tls::default() };
    let ca = file("tls_ca_path", "ca.pem");
    assert_eq!(tried(old, &[&ca, "tls_min_version: VersionTLS12"]), Ok(()));
    refused(old, &[&ca, "tls_min_version: VersionTLS13"], "ProtocolVersion");
}

#[test]
fn a_file_of_certificates_that_cannot_be_read_ends_the_start() {
    let options = options_with("localhost:1", &keys(&["tls_ca_path: /nonexistent/ca.pem"]));
    let mut server = Server::prepare(options);
    server.spawn();
    assert_eq!(server.wait_for_exit().code(), Some(1));
    assert!(server.log().contains("/nonexistent/ca.pem"), "{}", server.log());
}

/// Requests of a server that writes a block, starts again and reads it.
fn requests_with(lines: &[&str]) -> Vec<Request> {
    let bucket = Bucket::new();
    let lines = keys(&[lines, &["insecure: true"]].concat());
    let mut server = with_a_block(options_with(&bucket.proxy.address().to_string(), &lines));
    server.restart();
    assert_eq!(server.get(&format!("/api/traces/{}", spans::hex(3))).status, 200);
    bucket.proxy.seen()
}

/// The values that a header has in requests of a method for rows of blocks.
fn values(requests: &[Request], method: &str, header: &str) -> Vec<String> {
    // As S3 and as GCS write the name.
    let names = ["data.parquet", "data%2Eparquet"];
    let is_of_rows = |target: &str| names.iter().any(|name| target.contains(name));
    let of_rows = |request: &&Request| request.method == method && is_of_rows(&request.target);
    let found = requests.iter().filter(of_rows).map(|request| request.header(header));
    let found: Option<Vec<&str>> = found.collect();
    let mut found: Vec<String> = found.unwrap_or_default().into_iter().map(str::to_owned).collect();
    found.dedup();
    found
}

#[test]
fn encryption_and_labels_are_asked_for_with_every_object() {
    let requests = requests_with(&[
        "sse: {type: SSE-KMS, kms_key_id: the-key}",
        "storage_class: REDUCED_REDUNDANCY",
        "tags: {team: obs, stage: test}",
        "metadata: {origin: here}",
    ]);
    for (header, value) in [
        ("x-amz-server-side-encryption", "aws:kms"),
        ("x-amz-server-side-encryption-aws-kms-key-id", "the-key"),
        ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
        ("x-amz-tagging", "stage=test&team=obs"),
        ("x-amz-meta-origin", "here"),
    ] {
        assert_eq!(values(&requests, "PUT", header), [value], "{header}");
    }
    let requests = requests_with(&["sse: {type: SSE-S3}"]);
    assert_eq!(values(&requests, "PUT", "x-amz-server-side-encryption"), ["AES256"]);
}

#[test]
fn a_customers_key_goes_with_writes_and_reads() {
    let requests =
        requests_with(&["sse: {type: SSE-C, encryption_key: 0123456789abcdef0123456789abcdef}"]);
    let key = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    for method in ["PUT", "HEAD", "GET"] {
        let header = "x-amz-server-side-encryption-customer-key";
        assert_eq!(values(&requests, method, header), [key], "{method}");
        let header = "x-amz-server-side-encryption-customer-algorithm";
        assert_eq!(values(&requests, method, header), ["AES256"], "{method}");
    }
}

#[test]
fn metadata_and_cache_control_go_with_objects_of_gcs() {
    let bucket = Bucket::unsigned();
    let blocks = format!(
        "backend: gcs
    gcs:
      bucket_name: traces
      prefix: /some/prefix/
      endpoint: http://{}
      insecure: true
      object_cache_control: no-store
      object_metadata: {{origin: here}}",
        bucket.proxy.address()
    );
    with_a_block(Options { blocks: Some(blocks), ..Options::default() });
    assert!(!bucket.objects("meta.json").is_empty(), "below the prefix");
    let requests = bucket.proxy.seen();
    assert_eq!(values(&requests, "PUT", "cache-control"), ["no-store"]);
    assert_eq!(values(&requests, "PUT", "x-goog-meta-origin"), ["here"]);
}

#[test]
fn a_bucket_is_named_in_the_host_where_that_is_wanted() {
    let bucket = Bucket::new();
    let server = S3Server::with_domain(bucket.root(), "s3.test");
    let proxy = Proxy::start(server.address());
    // Nobody resolves the name: requests go through a proxy, as the environment says.
    let by_proxy = |lines: &[&str]| {
        let mut options = options_with("s3.test", &keys(lines));
        let url = format!("http://{}", proxy.address());
        options
            .environment
            .extend([("http_proxy".to_owned(), url), ("no_proxy".to_owned(), String::new())]);
        options
    };
    with_a_block(by_proxy(&["insecure: true", "bucket_lookup_type: 1"]));
    let hosts = |host: &str| proxy.count(|request| request.header("host") == Some(host));
    assert!(hosts("traces.s3.test") > 0 && hosts("s3.test") == 0);
    with_a_block(by_proxy(&["insecure: true", "bucket_lookup_type: 1", "forcepathstyle: true"]));
    assert!(hosts("s3.test") > 0);
    assert!(!bucket.objects("meta.json").is_empty());
}
