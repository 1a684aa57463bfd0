//! A Python with the packages of `tests/python/requirements.txt`, in a virtual environment of our
//! own. Nothing is installed twice: the stamp beside it holds the requirements it was made for.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{What, XtaskError, failed};
use crate::tools;

use super::packages;

const ADVICE: &str = "tests need Python 3.10 or newer with its `venv` and `pip` modules; \
                      on Debian and Ubuntu: apt-get install python3 python3-venv";
/// What the interpreter must be able to do.
const PROBE: &str = "import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 10))";

/// The interpreter, after installing what is missing.
///
/// # Errors
/// When there is no Python and none can be installed, or a package cannot be had.
pub fn provide() -> Result<PathBuf, XtaskError> {
    let requirements = tools::root().join("tests/python/requirements.txt");
    let wanted = std::fs::read_to_string(&requirements).what(|| show(&requirements))?;
    let environment = tools::target().join("test-env");
    let (venv, stamp) = (environment.join("venv"), environment.join("installed.txt"));
    let python = venv.join("bin/python");
    let installed = std::fs::read_to_string(&stamp).unwrap_or_default();
    if installed != wanted || !works(&python) {
        println!("installing Python packages into {}", venv.display());
        tools::fresh_dir(&environment)?;
        install(&system_python()?, &venv, &requirements)?;
        std::fs::write(&stamp, wanted).what(|| show(&stamp))?;
    }
    Ok(python)
}

fn install(python: &str, venv: &Path, requirements: &Path) -> Result<(), XtaskError> {
    tools::run(Command::new(python).args(["-m", "venv"]).arg(venv))?;
    let mut pip = Command::new(venv.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    tools::run(pip.arg("--requirement").arg(requirements))
}

/// `python3`, installed first if it is missing and that is possible.
fn system_python() -> Result<String, XtaskError> {
    let python = "python3".to_owned();
    if !able(&python) {
        packages::install(&["python3", "python3-venv"], ADVICE)?;
    }
    if able(&python) { Ok(python) } else { failed(ADVICE) }
}

fn able(python: &str) -> bool {
    tools::succeeds(Command::new(python).args(["-c", PROBE]))
}

fn works(python: &Path) -> bool {
    tools::succeeds(Command::new(python).args(["-c", "import duckdb, grpc_tools, pyarrow"]))
}

fn show(path: &Path) -> String {
    path.display().to_string()
}
