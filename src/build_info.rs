//! What was built: for `-version`, `/api/status/buildinfo` and `tempo_build_info`.

use stringendo_net::BuildInfo;

/// Of this binary.
pub fn build_info() -> BuildInfo {
    BuildInfo {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        revision: env!("STRINGENDO_REVISION").to_owned(),
        branch: env!("STRINGENDO_BRANCH").to_owned(),
        build_user: String::new(),
        build_date: String::new(),
        compiler_version: env!("STRINGENDO_COMPILER").to_owned(),
    }
}

/// The text of `-version`, in Tempo's form.
pub fn version_text() -> String {
    let build = build_info();
    format!(
        "stringendo, version {} (branch: {}, revision: {})\n\
         \x20 compiler:         {}\n\
         \x20 platform:         {}/{}\n",
        build.version,
        build.branch,
        build.revision,
        build.compiler_version,
        std::env::consts::OS,
        std::env::consts::ARCH,
    )
}
