use super::look_up;

#[test]
fn servers_are_listed_in_order_and_once_and_names_become_addresses() {
    assert_eq!(look_up(" b:2, a:1,b:2,").unwrap(), ["a:1", "b:2"]);
    assert_eq!(look_up("dns+127.0.0.1:11211").unwrap(), ["127.0.0.1:11211"]);
}

#[test]
fn a_name_without_addresses_is_an_error() {
    assert!(look_up("dns+no.such.name.invalid:1").is_err());
    assert!(look_up(" , ").is_err());
}
