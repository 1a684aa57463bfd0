//! Programs that tests start and that systems have packages of. Nothing that is there is installed
//! again.

use std::process::Command;

use crate::error::{XtaskError, failed};
use crate::tools;

/// Makes sure that `programs` are there; if not, installs `packages` of Debian, as root or through
/// a sudo that asks for nothing.
///
/// # Errors
/// With `advice`, when something is missing and cannot be installed.
pub fn provide(programs: &[&str], packages: &[&str], advice: &str) -> Result<(), XtaskError> {
    if !programs.iter().all(|program| has(program)) {
        install(packages, advice)?;
    }
    let missing = programs.iter().find(|program| !has(program));
    missing.map_or(Ok(()), |program| failed(format!("{program} is missing; {advice}")))
}

/// Installs packages of Debian.
///
/// # Errors
/// With `advice`, when that is not possible.
pub fn install(packages: &[&str], advice: &str) -> Result<(), XtaskError> {
    let Some(prefix) = root_prefix().filter(|_| has("apt-get")) else { return failed(advice) };
    println!("installing {} with apt-get", packages.join(", "));
    let install: Vec<&str> =
        ["install", "-y", "--no-install-recommends"].iter().chain(packages).copied().collect();
    for arguments in [&["update"][..], &install] {
        let mut words = prefix.iter().chain(&["apt-get", "-qq"]).chain(arguments);
        let mut command = Command::new(words.next().expect("apt-get at least"));
        command.args(words).env("DEBIAN_FRONTEND", "noninteractive");
        tools::run(&mut command)
            .map_err(|error| XtaskError::Failed(format!("{error}; {advice}")))?;
    }
    Ok(())
}

/// What to put before a command that needs root; none if we cannot become root.
fn root_prefix() -> Option<&'static [&'static str]> {
    if rustix::process::geteuid().is_root() {
        return Some(&[]);
    }
    let sudo: &[&str] = &["sudo", "-n"];
    tools::succeeds(Command::new("sudo").args(["-n", "true"])).then_some(sudo)
}

/// Whether it is where commands are looked for. Not every program has a version to ask for.
fn has(program: &str) -> bool {
    let directories = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&directories).any(|directory| directory.join(program).is_file())
}
