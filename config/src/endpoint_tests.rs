use super::Endpoint;

#[test]
fn names_addresses_and_bare_ports_are_endpoints() {
    for (text, host, port) in [
        ("localhost:4317", "localhost", 4317),
        ("0.0.0.0:4318", "0.0.0.0", 4318),
        ("[::]:4317", "::", 4317),
        (":4317", "", 4317),
    ] {
        let endpoint: Endpoint = text.parse().unwrap();
        assert_eq!(endpoint, Endpoint::new(host, port));
        assert_eq!(endpoint.to_string(), text);
    }
}

#[test]
fn text_without_a_valid_port_is_refused() {
    for text in ["", "localhost", "localhost:", "localhost:70000", "::1:4317", "[::1:4317"] {
        assert!(text.parse::<Endpoint>().is_err(), "{text}");
    }
}
