//! The binary as a command that is to end by itself.

use std::process::{Command, Output, Stdio};

use super::wait;

/// Runs the binary with these arguments, without input.
///
/// # Panics
/// When it does not end; it is killed then.
pub fn stringendo(arguments: &[&str]) -> Output {
    let process = Command::new(env!("CARGO_BIN_EXE_stringendo"))
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let kill_unless_ended = Kill(process.id());
    let ending = wait::aside(move || process.wait_with_output());
    wait::until("the command has ended", || ending.is_finished().then_some(()));
    std::mem::forget(kill_unless_ended);
    ending.join().expect("no panic").expect("its output")
}

/// What it said on stderr.
pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Kills a process that still runs.
struct Kill(u32);

impl Drop for Kill {
    fn drop(&mut self) {
        super::server::signal(self.0, rustix::process::Signal::KILL);
    }
}
