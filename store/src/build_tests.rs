use super::{amazon_region, azure_endpoint, gcs_endpoint, s3_endpoint};
use crate::settings::{Addressing, Azure, S3};

fn endpoint_of(endpoint: &str, addressing: Addressing, insecure: bool) -> (String, bool) {
    let (bucket, endpoint) = ("b".to_owned(), endpoint.to_owned());
    let s3 = S3 { bucket, endpoint, addressing, insecure, ..S3::default() };
    s3_endpoint(&s3, "eu-west-1")
}

#[test]
fn the_region_is_in_the_name_of_an_endpoint_of_amazon() {
    for (endpoint, region) in [
        ("s3.eu-west-1.amazonaws.com", Some("eu-west-1")),
        ("s3-us-west-2.amazonaws.com:443", Some("us-west-2")),
        ("s3.dualstack.ap-south-1.amazonaws.com", Some("ap-south-1")),
        ("s3.cn-north-1.amazonaws.com.cn", Some("cn-north-1")),
        ("https://s3.eu-west-1.amazonaws.com/", Some("eu-west-1")),
        ("s3.amazonaws.com", None),
        ("minio:9000", None),
    ] {
        assert_eq!(amazon_region(endpoint), region, "{endpoint}");
    }
}

#[test]
fn hosts_of_amazon_have_the_bucket_in_their_name_and_others_in_the_path() {
    let auto = Addressing::Auto;
    let amazon = "https://b.s3.eu-west-1.amazonaws.com".to_owned();
    assert_eq!(endpoint_of("", auto, false), (amazon.clone(), true));
    assert_eq!(endpoint_of("s3.amazonaws.com", auto, false), (amazon.clone(), true));
    assert_eq!(endpoint_of("s3.eu-west-1.amazonaws.com", auto, false), (amazon, true));
    assert_eq!(endpoint_of("minio:9000", auto, true), ("http://minio:9000".to_owned(), false));
    let host = endpoint_of("minio:9000", Addressing::Host, true);
    assert_eq!(host, ("http://b.minio:9000".to_owned(), true));
    let path = endpoint_of("", Addressing::Path, false);
    assert_eq!(path, ("https://s3.eu-west-1.amazonaws.com".to_owned(), false));
}

#[test]
fn a_bucket_with_a_dot_is_not_put_before_a_host_with_a_certificate() {
    let s3 = S3 { bucket: "a.b".to_owned(), ..S3::default() };
    assert!(!s3_endpoint(&s3, "us-east-1").1);
    let s3 = S3 { insecure: true, ..s3 };
    assert!(s3_endpoint(&s3, "us-east-1").1);
}

#[test]
fn dual_stack_endpoints_of_amazon_say_so() {
    let s3 = S3 { bucket: "b".to_owned(), dual_stack: true, ..S3::default() };
    let (url, _) = s3_endpoint(&s3, "eu-west-1");
    assert_eq!(url, "https://b.s3.dualstack.eu-west-1.amazonaws.com");
}

#[test]
fn endpoints_of_gcs_may_name_the_path_of_the_json_api() {
    let endpoint = gcs_endpoint("https://gcs:4443/storage/v1/").expect("fits");
    assert_eq!(endpoint, "https://gcs:4443");
    assert!(gcs_endpoint("gcs:4443").is_err());
}

#[test]
fn an_endpoint_of_azure_that_is_no_suffix_has_the_account_in_its_path() {
    let azure = |suffix: &str| Azure { endpoint_suffix: suffix.to_owned(), ..Azure::default() };
    let cloud = azure_endpoint(&azure("blob.core.windows.net"), "me");
    assert_eq!(cloud, "https://me.blob.core.windows.net");
    assert_eq!(azure_endpoint(&azure("azurite:10000"), "me"), "http://azurite:10000/me");
}
