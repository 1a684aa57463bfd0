//! Writes what was built into the binary: compiler and, in a checkout, commit and branch.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=.git/HEAD");
    println!("cargo::rerun-if-changed=.git/logs/HEAD");
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    tell("STRINGENDO_COMPILER", said(&rustc, &["--version"]));
    tell("STRINGENDO_REVISION", said("git", &["rev-parse", "--short=12", "HEAD"]));
    tell("STRINGENDO_BRANCH", said("git", &["rev-parse", "--abbrev-ref", "HEAD"]));
}

fn tell(name: &str, value: Option<String>) {
    println!("cargo::rustc-env={name}={}", value.as_deref().unwrap_or("unknown"));
}

/// What a command prints; `None` where it is not there or fails, as git does outside a checkout.
fn said(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}
