use super::*;

fn addresses(text: &str) -> Vec<String> {
    look_up(text).unwrap().into_iter().map(|found| found.address).collect()
}

#[test]
fn servers_are_listed_in_order_and_once_and_names_become_addresses() {
    assert_eq!(addresses(" b:2, a:1,b:2,"), ["a:1", "b:2"]);
    assert_eq!(addresses("dns+127.0.0.1:11211"), ["127.0.0.1:11211"]);
}

#[test]
fn certificates_are_for_the_host_that_is_configured() {
    let found = look_up("dns+localhost:11211,[::1]:2,10.0.0.1:3").unwrap();
    let host = |address: &str| {
        let found = found.iter().find(|found| found.address == address).unwrap();
        found.host.clone()
    };
    assert_eq!(host("127.0.0.1:11211"), "localhost");
    assert_eq!(host("[::1]:2"), "::1");
    assert_eq!(host("10.0.0.1:3"), "10.0.0.1");
}

#[test]
fn a_name_without_addresses_is_an_error() {
    assert!(look_up("dns+no.such.name.invalid:1").is_err());
    assert!(look_up(" , ").is_err());
}

#[test]
fn one_server_less_moves_its_own_keys_alone_and_all_have_a_share() {
    let names: Vec<String> = (0..4).map(|number| format!("server-{number}:11211")).collect();
    let mut shares = [0; 4];
    for number in 0..1000 {
        let key = format!("key-{number}");
        let with_all = server_of(&key, &names);
        shares[with_all] += 1;
        let with_three = server_of(&key, &names[..3]);
        assert!(with_all == 3 || with_three == with_all, "{key}");
    }
    assert!(shares.iter().all(|share| *share > 150), "{shares:?}");
}

#[test]
fn a_look_up_that_is_given_up_is_made_by_the_next_question() {
    let breaker = BreakerOptions { failures: 10, pause: Duration::ZERO, interval: Duration::ZERO };
    let options = MemcachedOptions {
        addresses: "a:1".to_owned(),
        connect_timeout: Duration::from_secs(1),
        idle_connections_max: 1,
        update_interval: Duration::from_secs(60),
        breaker,
        tls: None,
    };
    let common =
        CommonOptions { timeout: Duration::from_secs(1), item_bytes_max: 0, ttl: Duration::ZERO };
    let memcached = Memcached::new(options, common, Clock::System);
    let now = Some(memcached.clock.monotonic());
    memcached.known().looked_up = now;
    drop(Looking { servers: &memcached, has_ended: false });
    assert_eq!(memcached.known().looked_up, None);
    memcached.known().looked_up = now;
    Looking { servers: &memcached, has_ended: false }.end();
    assert_eq!(memcached.known().looked_up, now);
}
