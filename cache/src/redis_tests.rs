use super::*;

fn options(endpoint: &str) -> RedisOptions {
    RedisOptions {
        endpoint: endpoint.to_owned(),
        is_cluster: false,
        db: 3,
        username: String::new(),
        password: "secret".to_owned(),
        read_from_replicas: false,
        tls: None,
        sentinel: None,
    }
}

#[test]
fn endpoints_are_a_host_and_a_port() {
    for (endpoint, wanted) in [
        ("h:1", ConnectionAddr::Tcp("h".to_owned(), 1)),
        ("h", ConnectionAddr::Tcp("h".to_owned(), 6379)),
        ("[::1]:2", ConnectionAddr::Tcp("::1".to_owned(), 2)),
    ] {
        let found = node(endpoint, &options(endpoint)).unwrap();
        assert_eq!(found.addr(), &wanted);
        assert_eq!(found.redis_settings().password(), Some("secret"));
    }
    assert!(node("h:port", &options("h:port")).is_err());
}
