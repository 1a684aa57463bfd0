//! Waiting for what another process does.

use std::time::{Duration, Instant};

/// Long enough for a debug build on a busy machine; reached only by a test that fails.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Asks until there is an answer.
///
/// # Panics
/// With `what`, when it takes too long.
#[expect(clippy::disallowed_methods, reason = "another process is waited for, in real time")]
pub fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(start.elapsed() < PATIENCE, "waited too long until {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Lets time pass, where passing time is what is tested (load for so long).
#[expect(clippy::disallowed_methods, reason = "load runs in real time")]
pub fn pause(duration: Duration) {
    std::thread::sleep(duration);
}

/// Runs `body` on another thread.
#[expect(clippy::disallowed_methods, reason = "the load generator blocks its thread")]
pub fn aside<T: Send + 'static>(
    body: impl FnOnce() -> T + Send + 'static,
) -> std::thread::JoinHandle<T> {
    std::thread::spawn(body)
}

/// Nanoseconds since the Unix epoch.
#[expect(clippy::disallowed_methods, reason = "the server searches by real time")]
pub fn unix_nanos() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.expect("after 1970").as_nanos() as u64
}
