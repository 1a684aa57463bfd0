//! Where things are, and how programs are run.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::{What, XtaskError, failed};

/// The repository.
pub fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().expect("xtask lies in the repository's root")
}

/// Where cargo builds, and where our own files go.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// A cargo command in the root. What `cargo run` told this process about itself is taken out, so
/// that a build from here and one from the shell have the same environment and share their results.
pub fn cargo(subcommand: &str) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(root()).arg(subcommand);
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command
}

/// Runs a command to its end, its output on ours.
///
/// # Errors
/// When it cannot start or ends otherwise than well.
pub fn run(command: &mut Command) -> Result<(), XtaskError> {
    let status = command.status().what(|| program(command))?;
    if status.success() { Ok(()) } else { failed(format!("{}: {status}", line(command))) }
}

/// Whether the program is there and ends well; its output is thrown away.
pub fn succeeds(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// The command as one would type it.
pub fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

/// Its program, for errors.
pub fn program(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

/// Creates a directory, empty.
///
/// # Errors
/// From the operating system.
pub fn fresh_dir(path: &Path) -> Result<(), XtaskError> {
    remove_dir(path)?;
    std::fs::create_dir_all(path).what(|| path.display().to_string())
}

/// Removes a directory if it is there.
///
/// # Errors
/// From the operating system.
pub fn remove_dir(path: &Path) -> Result<(), XtaskError> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        result => result.what(|| path.display().to_string()),
    }
}

/// The flag of commands that build: take the binaries as they are.
pub fn no_build_arg() -> clap::Arg {
    clap::Arg::new("no-build")
        .long("no-build")
        .help("Use the binaries that are there, as built last")
        .action(clap::ArgAction::SetTrue)
}

/// Builds the server and the load generator in the cargo profile, unless `no-build` says that they
/// are there; returns where they are.
///
/// # Errors
/// When they do not compile.
pub fn build(profile: &str, matches: &clap::ArgMatches) -> Result<Binaries, XtaskError> {
    if !matches.get_flag("no-build") {
        let packages = ["-p", "stringendo", "-p", "stringendo-loadgen"];
        run(cargo("build").args(["--profile", profile]).args(packages))?;
    }
    // Cargo's name for where the `dev` profile goes.
    let dir = target().join(if profile == "dev" { "debug" } else { profile });
    Ok(Binaries { server: dir.join("stringendo"), loadgen: dir.join("loadgen") })
}

impl Binaries {
    /// Copies them into a directory, so that a build beside us does not change them halfway.
    ///
    /// # Errors
    /// From the operating system.
    pub fn copied_to(&self, dir: &Path) -> Result<Self, XtaskError> {
        let copy = |from: &Path, name| {
            let to = dir.join(name);
            std::fs::copy(from, &to).what(|| format!("{} to {}", from.display(), to.display()))?;
            Ok::<_, XtaskError>(to)
        };
        let server = copy(&self.server, "server-under-test")?;
        Ok(Self { server, loadgen: copy(&self.loadgen, "loadgen-under-test")? })
    }
}

/// What is tested.
#[derive(Clone, Debug)]
pub struct Binaries {
    /// `stringendo`.
    pub server: PathBuf,
    /// `loadgen`.
    pub loadgen: PathBuf,
}
