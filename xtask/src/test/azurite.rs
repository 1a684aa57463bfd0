//! Azurite, the emulator of Azure's storage, from npm, run while tests run.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::error::{What, XtaskError, failed};
use crate::tools;

use super::packages;

/// Where tests find it.
pub const VARIABLE: &str = "AZURITE_ADDRESS";
const ADVICE: &str = "tests need Node.js and npm; on Debian and Ubuntu: apt-get install nodejs npm";
/// What is installed.
const PACKAGES: [&str; 2] = ["azurite@3.37.0", "@azure/storage-blob@12.32.0"];

/// A running emulator; it ends when this is dropped.
pub struct Azurite {
    process: Child,
    /// Host and port.
    pub address: String,
}

impl Azurite {
    /// Installs it if it is missing, and starts it with an empty container.
    ///
    /// # Errors
    /// There is no Node, or the packages cannot be had, or it does not start.
    pub fn start() -> Result<Self, XtaskError> {
        let dir = provide()?;
        let port = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
        let port = port.what(|| "a free port".to_owned())?.port();
        let address = format!("127.0.0.1:{port}");
        let mut command = Command::new(dir.join("node_modules/.bin/azurite-blob"));
        command.args(["--silent", "--inMemoryPersistence", "--skipApiVersionCheck"]);
        command.args(["--blobHost", "127.0.0.1", "--blobPort", &port.to_string()]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let process = command.spawn().what(|| tools::program(&command))?;
        let azurite = Self { process, address };
        for _ in 0..100 {
            let mut make = Command::new("node");
            make.arg("container.mjs").arg(&azurite.address).current_dir(&dir);
            if tools::succeeds(make.stdout(Stdio::null()).stderr(Stdio::null())) {
                return Ok(azurite);
            }
            thread::sleep(Duration::from_millis(200));
        }
        failed("azurite does not answer")
    }
}

impl Drop for Azurite {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The directory with the packages.
fn provide() -> Result<PathBuf, XtaskError> {
    packages::provide(&["node", "npm"], &["nodejs", "npm"], ADVICE)?;
    let dir = tools::target().join("test-azurite");
    let (stamp, wanted) = (dir.join("installed.txt"), PACKAGES.join(" "));
    if std::fs::read_to_string(&stamp).unwrap_or_default() != wanted {
        println!("installing {wanted} into {}", dir.display());
        tools::fresh_dir(&dir)?;
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--silent", "--prefix", "."]);
        tools::run(npm.args(PACKAGES).current_dir(&dir))?;
        std::fs::write(&stamp, wanted).what(|| stamp.display().to_string())?;
    }
    let script = tools::root().join("tests/azurite.mjs");
    let text = std::fs::read(&script).what(|| script.display().to_string())?;
    let copy = dir.join("container.mjs");
    std::fs::write(&copy, text).what(|| copy.display().to_string())?;
    Ok(dir)
}
