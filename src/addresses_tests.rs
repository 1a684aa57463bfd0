use super::to_bind;
use std::net::TcpListener;
use stringendo_config::Endpoint;

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn a_name_and_an_empty_host_become_addresses_with_the_port() {
    let port = free_port();
    for host in ["localhost", "127.0.0.1", ""] {
        let addresses = to_bind(&Endpoint::new(host, port)).unwrap();
        assert!(!addresses.is_empty(), "{host}");
        assert!(addresses.iter().all(|address| address.port() == port), "{host}");
    }
}

#[test]
fn a_taken_port_is_refused_with_the_command_that_shows_who_has_it() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let error = to_bind(&Endpoint::new("127.0.0.1", port)).unwrap_err().to_string();
    assert!(error.contains(&format!("sport = :{port}")), "{error}");
}

#[test]
fn port_zero_and_unknown_names_are_refused_by_name() {
    let error = to_bind(&Endpoint::new("localhost", 0)).unwrap_err().to_string();
    assert!(error.contains("localhost:0"), "{error}");
    let error = to_bind(&Endpoint::new("no.such.host.invalid", 1)).unwrap_err().to_string();
    assert!(error.contains("no.such.host.invalid"), "{error}");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "what goes away late is another thread's")]
fn a_port_that_a_killed_process_still_holds_for_a_moment_is_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let holder = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(100));
        drop(listener);
    });
    assert_eq!(to_bind(&Endpoint::new("127.0.0.1", port)).unwrap().len(), 1);
    holder.join().unwrap();
}
