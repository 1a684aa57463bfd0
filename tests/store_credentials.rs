//! Credentials that are looked for, and that do not last: the environment, roles and identities,
//! through servers that speak as the clouds' do.

#[path = "common/bucket.rs"]
mod bucket;
mod common;

use std::sync::atomic::{AtomicUsize, Ordering};

use bucket::{Bucket, options_with, with_a_block};
use common::http::X_PROTOBUF;
use common::{Options, Server, spans, wait};
use stringendo_teststores::{
    ACCESS_KEY, Endpoint, Fault, Proxy, Reply, Request, SECRET_KEY, certificate_path,
};

const TOKEN: &str = "x-amz-security-token";
const FAR: &str = "2126-01-01T00:00:00Z";

/// A server on a bucket whose credentials it must find.
fn options(bucket: &Bucket, environment: &[(&str, &str)]) -> Options {
    let mut options = options_with(&bucket.proxy.address().to_string(), &["insecure: true"]);
    let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    options.environment.extend(environment.iter().map(pair));
    options
}

/// Tokens that the store was shown, in order, each once.
fn tokens(bucket: &Bucket) -> Vec<String> {
    let seen = bucket.proxy.seen();
    let mut tokens: Vec<String> =
        seen.iter().map(|request| request.header(TOKEN).unwrap_or("none").to_owned()).collect();
    tokens.dedup();
    tokens
}

/// The metadata service of an instance: the second version, whose requests need a token. Each
/// credentials that it hands out have another session token; `expires` says when they do.
fn metadata_service(expires: impl Fn(usize) -> Option<String> + Send + Sync + 'static) -> Endpoint {
    const ROLE: &str = "/latest/meta-data/iam/security-credentials/";
    let given = AtomicUsize::new(0);
    Endpoint::start(move |request| {
        let may_ask = request.header("x-aws-ec2-metadata-token") == Some("metadata-token");
        match (request.method.as_str(), request.target.as_str()) {
            ("PUT", "/latest/api/token") => {
                let ttl = request.header("x-aws-ec2-metadata-token-ttl-seconds");
                (if ttl.is_some() { 200 } else { 400 }, "metadata-token".to_owned())
            }
            _ if !may_ask => (401, String::new()),
            ("GET", ROLE) => (200, "writer".to_owned()),
            ("GET", path) if path == format!("{ROLE}writer") => {
                let number = given.fetch_add(1, Ordering::SeqCst) + 1;
                match expires(number) {
                    Some(expires) => (200, aws_credentials(number, &expires)),
                    None => (500, String::new()),
                }
            }
            _ => (404, String::new()),
        }
    })
}

fn aws_credentials(number: usize, expires: &str) -> String {
    serde_json::json!({
        "AccessKeyId": ACCESS_KEY, "SecretAccessKey": SECRET_KEY,
        "Token": format!("token-{number}"), "Expiration": expires,
    })
    .to_string()
}

/// A time so many seconds from now.
fn in_seconds(seconds: i64) -> String {
    let now = i64::try_from(wait::unix_nanos() / 1_000_000_000).expect("a time");
    jiff::Timestamp::from_second(now + seconds).expect("a time").to_string()
}

fn of_instance(bucket: &Bucket, service: &Endpoint) -> Options {
    options(bucket, &[("AWS_EC2_METADATA_SERVICE_ENDPOINT", &service.url())])
}

#[test]
fn keys_and_a_token_of_the_configuration_or_the_environment_are_used() {
    let bucket = Bucket::new();
    let address = bucket.proxy.address().to_string();
    let id = format!("access_key: {ACCESS_KEY}");
    let secret = format!("secret_key: {SECRET_KEY}");
    with_a_block(options_with(
        &address,
        &["insecure: true", &id, &secret, "session_token: configured"],
    ));
    assert_eq!(tokens(&bucket), ["configured"]);
    for (id, secret, expected) in [
        ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "of-environment"),
        ("MINIO_ROOT_USER", "MINIO_ROOT_PASSWORD", "none"),
    ] {
        let bucket = Bucket::new();
        let variables =
            [(id, ACCESS_KEY), (secret, SECRET_KEY), ("AWS_SESSION_TOKEN", "of-environment")];
        with_a_block(options(&bucket, &variables));
        assert_eq!(tokens(&bucket), [expected]);
    }
}

#[test]
fn a_shared_file_is_used_where_the_machine_has_no_role_and_the_machine_is_asked_once() {
    let bucket = Bucket::new();
    let service = Endpoint::start(|_| (404, String::new()));
    let file = bucket.root().join("credentials");
    let text = format!(
        "[mine]\naws_access_key_id = {ACCESS_KEY}\naws_secret_access_key = {SECRET_KEY}\n\
         aws_session_token = of-file\n"
    );
    std::fs::write(&file, text).expect("written");
    let mut options = of_instance(&bucket, &service);
    options.environment.extend([
        ("AWS_SHARED_CREDENTIALS_FILE".to_owned(), file.display().to_string()),
        ("AWS_PROFILE".to_owned(), "mine".to_owned()),
    ]);
    with_a_block(options);
    assert_eq!(tokens(&bucket), ["of-file"]);
    assert_eq!(service.seen().len(), 1, "not for every request");
}

#[test]
fn the_role_of_an_instance_is_asked_for_once_as_long_as_it_is_good() {
    let bucket = Bucket::new();
    let service = metadata_service(|_| Some(FAR.to_owned()));
    with_a_block(of_instance(&bucket, &service));
    assert_eq!(tokens(&bucket), ["token-1"]);
}

#[test]
fn credentials_are_renewed_before_they_expire_and_after() {
    for left_s in [60, -60] {
        let bucket = Bucket::new();
        let service = metadata_service(move |number| {
            Some(if number == 1 { in_seconds(left_s) } else { FAR.to_owned() })
        });
        let server = with_a_block(of_instance(&bucket, &service));
        flush_until(&server, "others are used", || tokens(&bucket).contains(&"token-2".to_owned()));
    }
}

/// Writes blocks until something has come true: fresh credentials are not asked for again at once.
fn flush_until(server: &Server, what: &str, is_so: impl Fn() -> bool) {
    wait::until(what, || {
        server.export(X_PROTOBUF, &spans::numbered(4)).ok();
        server.flush();
        is_so().then_some(())
    });
}

#[test]
fn a_service_that_goes_away_is_no_reason_to_stop_while_credentials_are_good() {
    let bucket = Bucket::new();
    let service = metadata_service(|number| (number == 1).then(|| in_seconds(60)));
    let server = with_a_block(of_instance(&bucket, &service));
    flush_until(&server, "it is told", || server.log().contains("the last ones are used"));
    assert_eq!(tokens(&bucket), ["token-1"]);
    let asked = service.seen().len();
    server.export(X_PROTOBUF, &spans::numbered(4)).ok();
    server.flush();
    assert_eq!(service.seen().len(), asked, "it may rest");
}

#[test]
fn credentials_that_the_store_refuses_before_their_time_are_renewed_and_nothing_fails() {
    let bucket = Bucket::new();
    let service = metadata_service(|_| Some(FAR.to_owned()));
    let mut server = with_a_block(of_instance(&bucket, &service));
    assert_eq!(tokens(&bucket), ["token-1"]);
    let is_first = |request: &Request| request.header(TOKEN) == Some("token-1");
    bucket.proxy.spoil(usize::MAX, Fault::Expired, is_first);
    server.export(X_PROTOBUF, &spans::numbered(4)).ok();
    server.flush();
    assert_eq!(tokens(&bucket), ["token-1", "token-2"]);
    assert_eq!(server.metric("tempo_ingester_failed_flushes_total", &[]), 0.0);
    assert!(server.log().contains("refuses credentials; they are renewed"));
    server.restart();
    for number in [3, 4] {
        assert_eq!(server.get(&format!("/api/traces/{}", spans::hex(number))).status, 200);
    }
}

#[test]
fn keys_that_cannot_be_renewed_fail_by_name_and_nothing_acknowledged_is_lost() {
    let bucket = Bucket::new();
    let keys = [("AWS_ACCESS_KEY_ID", ACCESS_KEY), ("AWS_SECRET_ACCESS_KEY", SECRET_KEY)];
    let mut server = with_a_block(options(&bucket, &keys));
    bucket.proxy.spoil(usize::MAX, Fault::Expired, |_| true);
    server.export(X_PROTOBUF, &spans::numbered(4)).ok();
    let flush = format!("http://127.0.0.1:{}/flush", server.ports.api);
    let flushing = wait::aside(move || common::http::try_send("POST", &flush, &[], b""));
    let failed = || server.metric("tempo_ingester_failed_flushes_total", &[]) > 0.0;
    wait::until("it is noticed", || failed().then_some(()));
    // The answer to a HEAD has no text.
    assert!(server.log().contains("400 Bad Request"), "{}", server.log());
    server.kill9();
    drop(flushing.join());
    bucket.proxy.heal();
    server.start_again();
    server.flush();
    assert_eq!(server.get(&format!("/api/traces/{}", spans::hex(4))).status, 200);
}

#[test]
fn a_web_identity_is_exchanged_for_credentials() {
    let bucket = Bucket::new();
    let service = Endpoint::start(|request| {
        let asked = |part: &str| request.target.contains(part);
        let is_right = request.method == "POST"
            && asked("Action=AssumeRoleWithWebIdentity")
            && asked("WebIdentityToken=of-the-workload")
            && asked("RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fwriter")
            && asked("RoleSessionName=tests");
        let answer = format!(
            "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>\
             <SessionToken>of-role</SessionToken><SecretAccessKey>{SECRET_KEY}</SecretAccessKey>\
             <Expiration>{FAR}</Expiration><AccessKeyId>{ACCESS_KEY}</AccessKeyId></Credentials>\
             </AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"
        );
        if is_right { (200, answer) } else { (403, String::new()) }
    });
    let file = bucket.root().join("token");
    std::fs::write(&file, "of-the-workload").expect("written");
    let variables = [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", file.to_str().expect("text")),
        ("AWS_ROLE_ARN", "arn:aws:iam::1:role/writer"),
        ("AWS_ROLE_SESSION_NAME", "tests"),
        ("AWS_ENDPOINT_URL_STS", &service.url()),
    ];
    with_a_block(options(&bucket, &variables));
    assert_eq!(tokens(&bucket), ["of-role"]);
}

#[test]
fn the_role_of_a_container_is_asked_for_with_its_token() {
    let bucket = Bucket::new();
    let service = Endpoint::start(|request| match request.header("authorization") {
        Some("of-the-container") => (200, aws_credentials(1, FAR)),
        _ => (403, String::new()),
    });
    let file = bucket.root().join("token");
    std::fs::write(&file, "of-the-container").expect("written");
    let variables = [
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", service.url() + "/v1/credentials"),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file.display().to_string()),
    ];
    let variables = variables.each_ref().map(|(name, value)| (*name, value.as_str()));
    with_a_block(options(&bucket, &variables));
    assert_eq!(tokens(&bucket), ["token-1"]);
}

/// Options of a server on GCS behind `proxy`.
fn on_gcs(proxy: &Proxy, environment: &[(&str, &str)]) -> Options {
    let blocks = format!(
        "backend: gcs\n    gcs: {{bucket_name: traces, endpoint: \"http://{}\"}}",
        proxy.address()
    );
    let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let mut environment: Vec<_> = environment.iter().map(pair).collect();
    environment.push(("HOME".to_owned(), "/nonexistent".to_owned()));
    Options { blocks: Some(blocks), environment, ..Options::default() }
}

/// What a store was shown, each once, in order.
fn authorizations(requests: &[Request]) -> Vec<String> {
    let mut seen: Vec<String> = requests
        .iter()
        .map(|request| request.header("authorization").unwrap_or_default().to_owned())
        .collect();
    seen.dedup();
    seen
}

#[test]
fn a_service_account_of_google_signs_its_own_tokens() {
    let bucket = Bucket::unsigned();
    let proxy = Proxy::without_authorization(bucket.server_address());
    let key = std::fs::read_to_string(certificate_path("service-account.key.pem")).expect("a key");
    let account = serde_json::json!({
        "type": "service_account", "private_key": key, "private_key_id": "kid-1",
        "client_email": "tests@project.iam.gserviceaccount.com",
    });
    let file = bucket.root().join("account.json");
    std::fs::write(&file, account.to_string()).expect("written");
    let variables = [("GOOGLE_APPLICATION_CREDENTIALS", file.to_str().expect("text"))];
    with_a_block(on_gcs(&proxy, &variables));
    let seen = authorizations(&proxy.seen());
    // {"typ":"JWT","alg":"RS256","kid":"kid-1"}
    let head = "Bearer eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiIsImtpZCI6ImtpZC0xIn0.";
    assert_eq!(seen.len(), 1, "one token for all requests: {seen:?}");
    assert!(seen[0].starts_with(head) && seen[0].matches('.').count() == 2, "{seen:?}");
}

#[test]
fn the_account_of_a_machine_of_google_is_asked_for_and_again_when_it_is_refused() {
    let bucket = Bucket::unsigned();
    let proxy = Proxy::without_authorization(bucket.server_address());
    let given = AtomicUsize::new(0);
    let service = Endpoint::start(move |request| {
        let path = "/computeMetadata/v1/instance/service-accounts/default/token";
        if !request.target.starts_with(path) || request.header("metadata-flavor").is_none() {
            return (404, String::new());
        }
        let number = given.fetch_add(1, Ordering::SeqCst) + 1;
        let token = format!("google-{number}");
        (200, serde_json::json!({"access_token": token, "expires_in": 3600}).to_string())
    });
    proxy.spoil(usize::MAX, Fault::Status(401), |request| {
        request.header("authorization") == Some("Bearer google-1")
    });
    let host = service.address().to_string();
    with_a_block(on_gcs(&proxy, &[("GCE_METADATA_HOST", &host)]));
    assert_eq!(authorizations(&proxy.seen()), ["Bearer google-1", "Bearer google-2"]);
}

/// Azure's protocol as far as a server without blocks needs it. The first token is refused.
fn azure() -> Endpoint {
    Endpoint::start(|request| -> Reply {
        match request.header("authorization") {
            Some("Bearer azure-1") => (401, "InvalidAuthenticationInfo".to_owned()),
            Some("Bearer azure-2") if request.target.contains("comp=list") => {
                let empty = "<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults>\
                             <Prefix></Prefix><Blobs></Blobs><NextMarker/></EnumerationResults>";
                (200, empty.to_owned())
            }
            _ => (404, String::new()),
        }
    })
}

/// Starts a server on Azure, which must find credentials there.
fn start_on_azure(store: &Endpoint, line: &str, environment: &[(&str, &str)]) -> Server {
    let blocks = format!(
        "backend: azure
    azure:
      container_name: traces
      storage_account_name: account
      endpoint_suffix: {}
      {line}",
        store.address()
    );
    let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let environment = environment.iter().map(pair).collect();
    Server::start(Options { blocks: Some(blocks), environment, ..Options::default() })
}

#[test]
fn a_managed_identity_of_azure_is_asked_for_and_again_when_it_is_refused() {
    let store = azure();
    let given = AtomicUsize::new(0);
    let service = Endpoint::start(move |request| {
        let asked = |part: &str| request.target.contains(part);
        let is_right = request.header("metadata") == Some("true")
            && request.header("x-identity-header") == Some("of-the-machine")
            && asked("resource=https%3A%2F%2Fstorage.azure.com")
            && asked("client_id=the-second");
        let number = given.fetch_add(1, Ordering::SeqCst) + 1;
        let expires = (wait::unix_nanos() / 1_000_000_000 + 3600).to_string();
        let token = format!("azure-{number}");
        let answer = serde_json::json!({"access_token": token, "expires_on": expires});
        if is_right { (200, answer.to_string()) } else { (400, String::new()) }
    });
    let line = "use_managed_identity: true\n      user_assigned_id: the-second";
    let endpoint = service.url() + "/msi/token";
    let variables =
        [("IDENTITY_ENDPOINT", endpoint.as_str()), ("IDENTITY_HEADER", "of-the-machine")];
    start_on_azure(&store, line, &variables);
    assert_eq!(authorizations(&store.seen()), ["Bearer azure-1", "Bearer azure-2"]);
}

#[test]
fn a_federated_token_of_azure_is_exchanged_and_again_when_it_is_refused() {
    let store = azure();
    let given = AtomicUsize::new(0);
    let service = Endpoint::start(move |request| {
        let form = String::from_utf8_lossy(&request.body).into_owned();
        let is_right = request.target == "/directory/oauth2/v2.0/token"
            && form.contains("client_assertion=of-the-workload")
            && form.contains("client_id=the-client");
        let number = given.fetch_add(1, Ordering::SeqCst) + 1;
        let token = format!("azure-{number}");
        let answer = serde_json::json!({"access_token": token, "expires_in": 3600});
        if is_right { (200, answer.to_string()) } else { (400, String::new()) }
    });
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    let file = dir.path().join("token");
    std::fs::write(&file, "of-the-workload").expect("written");
    let url = service.url();
    let variables = [
        ("AZURE_CLIENT_ID", "the-client"),
        ("AZURE_TENANT_ID", "directory"),
        ("AZURE_FEDERATED_TOKEN_FILE", file.to_str().expect("text")),
        ("AZURE_AUTHORITY_HOST", url.as_str()),
    ];
    start_on_azure(&store, "use_federated_token: true", &variables);
    assert_eq!(authorizations(&store.seen()), ["Bearer azure-1", "Bearer azure-2"]);
}
