//! From flags and a file's text to [`Settings`]: the order of the steps.
//!
//! read → expand → parse → lay flags over → check keys → build → look for contradictions.

use std::io;
use std::path::Path;

use crate::cli::CliOptions;
use crate::expand::{Env, expand};
use crate::node::{self, Node, Place, Value};
use crate::raw::Raw;
use crate::settings::Settings;
use crate::warning::{ConfigError, Warning};
use crate::{build, check, rules};

/// What a configuration turned out to say.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// What the program needs.
    pub settings: Settings,
    /// What the user should know, in the order of the file.
    pub warnings: Vec<Warning>,
}

/// Loads the configuration that the flags describe.
///
/// `env` looks up an environment variable; `read_file` reads a file as text.
///
/// # Errors
/// [`ConfigError`], whose text is the line for stderr.
pub fn load(
    options: &CliOptions,
    env: Env<'_>,
    read_file: &dyn Fn(&Path) -> io::Result<String>,
) -> Result<Loaded, ConfigError> {
    let text = match &options.config_file {
        Some(path) => read_file(path).map_err(|e| ConfigError::Unreadable {
            path: path.display().to_string(),
            reason: e.to_string(),
        })?,
        None => String::new(),
    };
    let text =
        if options.expand_env { expand(&text, env).map_err(ConfigError::Invalid)? } else { text };
    let mut tree = node::parse(&text).map_err(ConfigError::Invalid)?;
    lay_over(&mut tree, options);
    let mut warnings = check::check(&mut tree, options.strict)?;
    let raw = Raw::new(tree);
    rules::refuse(&raw)?;
    let mut settings = build::settings(&raw, &mut warnings)?;
    settings.overrides.expand_env = options.expand_env;
    rules::warn(&raw, &settings, &mut warnings)?;
    warnings.sort_by_key(|warning| match warning.place {
        Some(Place::Line(line)) => line,
        _ => usize::MAX,
    });
    Ok(Loaded { settings, warnings })
}

fn lay_over(tree: &mut Node, options: &CliOptions) {
    for flag in &options.overrides {
        let place = Place::Flag(flag.flag.clone());
        let node = match flag.values.as_slice() {
            [value] if !flag.is_list => scalar(value, &place),
            values => Node {
                value: Value::List(values.iter().map(|value| scalar(value, &place)).collect()),
                place,
            },
        };
        tree.set(&flag.path, node);
    }
}

/// A flag's value. An empty one is empty text, not nothing: `-x=` clears what the file says.
fn scalar(value: &str, place: &Place) -> Node {
    let plain = !value.is_empty();
    Node { value: Value::Scalar { text: value.to_owned(), plain }, place: place.clone() }
}

#[cfg(test)]
#[path = "load_tests.rs"]
mod tests;
