use super::keys_of;

const FILE: &str = "# mine
[default]
aws_access_key_id = one
aws_secret_access_key= two

[ci]
aws_access_key_id=three
aws_secret_access_key=four==
aws_session_token = five
[broken]
aws_access_key_id=six
";

#[test]
fn a_shared_file_has_keys_by_profile() {
    let keys = keys_of(FILE, "default").expect("there are some");
    assert_eq!((keys.key_id.as_str(), keys.secret_key.as_str()), ("one", "two"));
    assert_eq!(keys.token, None);
    let keys = keys_of(FILE, "ci").expect("there are some");
    assert_eq!((keys.secret_key.as_str(), keys.token.as_deref()), ("four==", Some("five")));
    assert!(keys_of(FILE, "broken").is_none() && keys_of(FILE, "none").is_none());
}
