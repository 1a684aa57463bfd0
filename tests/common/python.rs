//! Scripts in Python, whose packages are not everywhere.

use std::path::Path;
use std::process::Command;

/// Runs `tests/python/NAME` with the interpreter that `STRINGENDO_TEST_PYTHON` names.
///
/// # Panics
/// With what it printed, when it fails.
pub fn run<S: AsRef<std::ffi::OsStr>>(name: &str, arguments: &[S]) -> String {
    let python = std::env::var_os("STRINGENDO_TEST_PYTHON")
        .expect("STRINGENDO_TEST_PYTHON names no interpreter; run `cargo xtask test`");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python").join(name);
    let output = Command::new(python)
        .arg(&script)
        .args(arguments)
        // The SDK's own configuration comes from such variables.
        .env_remove("OTEL_RESOURCE_ATTRIBUTES")
        .env_remove("OTEL_SERVICE_NAME")
        .env_remove("OTEL_EXPORTER_OTLP_HEADERS")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .expect("the interpreter starts");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {printed}\n{errors}", script.display());
    printed
}
