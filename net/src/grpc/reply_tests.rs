use std::time::Duration;

use super::*;

#[test]
fn a_message_is_escaped_so_that_it_fits_a_header() {
    let mut headers = HeaderMap::new();
    put_status(&mut headers, &Refusal::malformed("100 % \n of \u{e4}"));
    assert_eq!(headers["grpc-status"], "13");
    assert_eq!(headers["grpc-message"], "100 %25 %0A of %C3%A4");
    assert!(!headers.contains_key("grpc-status-details-bin"));
}

#[test]
fn a_hint_travels_as_details() {
    let mut headers = HeaderMap::new();
    let retry_after = Some(Duration::from_secs(5));
    put_status(&mut headers, &Refusal { retry_after, ..Refusal::malformed("x") });
    let details = STANDARD_NO_PAD.decode(&headers["grpc-status-details-bin"]).unwrap();
    let status = stringendo_proto::rpc::Status::decode(&details[..]).unwrap();
    assert_eq!((status.code, status.details.len()), (13, 1));
}

#[test]
fn an_encoding_that_is_not_served_brings_the_list_of_those_that_are() {
    let mut headers = HeaderMap::new();
    put_status(&mut headers, &Refusal::encoding("lz4"));
    assert_eq!(headers["grpc-accept-encoding"], ACCEPT_ENCODING);
}
