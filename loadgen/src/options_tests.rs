use super::*;

#[test]
fn endpoints_are_read_with_and_without_scheme_and_prefix() {
    let parse = |text| Endpoint::parse(text).map(|e| (e.authority, e.prefix));
    let same = |text, authority: &str, prefix: &str| {
        assert_eq!(parse(text).unwrap(), (authority.to_owned(), prefix.to_owned()));
    };
    same("localhost:4317", "localhost:4317", "");
    same("http://[::1]:3200/", "[::1]:3200", "");
    same("http://host:80/tempo/", "host:80", "/tempo");
}

#[test]
fn endpoints_that_cannot_work_are_refused_with_the_reason() {
    let error = |text| Endpoint::parse(text).unwrap_err().to_string();
    assert!(error("https://host:1").contains("TLS"));
    assert!(error("host").contains("port is missing"));
    assert!(error("host:99999").contains("65535"));
}

#[test]
fn options_that_make_no_sense_are_refused() {
    let endpoint = Endpoint::parse("localhost:4317").unwrap();
    let good = RunOptions::new(endpoint, Duration::from_secs(1));
    good.check().unwrap();
    let refused = |options: RunOptions| assert!(options.check().is_err());
    refused(RunOptions { threads: 0, ..good.clone() });
    refused(RunOptions { rate: Some(-1.0), ..good.clone() });
    refused(RunOptions { duration: None, ..good.clone() });
    refused(RunOptions { settle_flush: true, ..good.clone() });
    refused(RunOptions { workload: WorkloadOptions::new(1, 9_000), ..good });
}
