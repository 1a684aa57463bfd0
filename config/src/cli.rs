//! The command line: Go's flag syntax, Tempo's flags, and the subcommands `demo` and `blocks`.
//!
//! One dash is turned into two, then clap parses; flags that stand for keys come out as overrides
//! that [`crate::load()`] lays over the file.

use clap::builder::ValueParser;
use clap::{Arg, ArgAction, ArgMatches};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use crate::duration;
use crate::flags::{Flag, flags};
use crate::known_keys::Shape;
use crate::node::{Node, Place};
use crate::value::Kind;

mod blocks;

pub use blocks::{BlocksAction, BlocksOptions, BlocksPlace};

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Run the server.
    Serve(CliOptions),
    /// Load the configuration, print warnings, exit 0 if there are none and 1 otherwise.
    Verify(CliOptions),
    /// Run server and workload together.
    Demo(DemoOptions),
    /// Look at stored blocks, or change them.
    Blocks(BlocksOptions),
    /// Print build information.
    Version,
    /// Ask this URL and exit 0 or 1.
    Health {
        /// URL of `/ready`.
        url: String,
    },
}

/// Where the configuration comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CliOptions {
    /// `-config.file`.
    pub config_file: Option<PathBuf>,
    /// `-config.expand-env`: replace `${VAR}` in the file.
    pub expand_env: bool,
    /// `-config.strict`: keys that no Tempo has are fatal.
    pub strict: bool,
    /// Flags that stand for keys.
    pub overrides: Vec<Override>,
}

/// A flag that stands for a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// Name of the flag, for messages.
    pub flag: String,
    /// Path of the key.
    pub path: String,
    /// Its values; exactly one unless `is_list`.
    pub values: Vec<String>,
    /// Whether the key holds a list.
    pub is_list: bool,
}

/// Options of `demo`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DemoOptions {
    /// Where blocks and log go.
    pub data_dir: PathBuf,
    /// Spans per second; 0 is as fast as they are taken.
    pub rate_spans_per_s: u64,
    /// How long the workload runs.
    pub duration: Duration,
    /// Shards; 0 is one per processor.
    pub cores: usize,
}

impl Default for DemoOptions {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("./data"),
            rate_spans_per_s: 20_000,
            duration: Duration::from_secs(20),
            cores: 0,
        }
    }
}

/// The process should print this and end: help was asked for, or the flags are wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit {
    /// Usage, or the error and the usage.
    pub text: String,
    /// 0 for help (print to stdout), 2 for wrong flags (print to stderr).
    pub code: i32,
}

/// Parses the arguments, the program's name excluded.
///
/// # Errors
/// [`Exit`] when there is nothing to run.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Command, Exit> {
    let table = flags();
    let args = std::iter::once(OsString::from("stringendo")).chain(two_dashes(args));
    let matches = command(&table).try_get_matches_from(args).map_err(|error| Exit {
        text: error.render().to_string(),
        code: if error.use_stderr() { 2 } else { 0 },
    })?;
    Ok(chosen(&matches, &table))
}

/// Go takes `-name` and `--name` alike; clap would read `-name` as a row of one-letter options.
fn two_dashes(args: impl IntoIterator<Item = OsString>) -> impl Iterator<Item = OsString> {
    let mut flags_end = false;
    args.into_iter().map(move |arg| {
        flags_end |= arg == "--";
        let bytes = arg.as_encoded_bytes();
        let is_go_flag = bytes.len() > 2 && bytes[0] == b'-' && bytes[1].is_ascii_alphabetic();
        if flags_end || !is_go_flag {
            return arg;
        }
        let mut long = OsString::from("-");
        long.push(&arg);
        long
    })
}

fn chosen(matches: &ArgMatches, table: &[Flag]) -> Command {
    let options = options(matches, table);
    if is_on(matches, "version") {
        return Command::Version;
    }
    if is_on(matches, "health") {
        let url = matches.get_one::<String>("health.url").cloned().unwrap_or_default();
        return Command::Health { url };
    }
    match matches.subcommand() {
        Some(("demo", matches)) => Command::Demo(demo_options(matches)),
        Some(("blocks", matches)) => Command::Blocks(blocks::options(matches, options)),
        _ if is_on(matches, "config.verify") => Command::Verify(options),
        _ => Command::Serve(options),
    }
}

fn options(matches: &ArgMatches, table: &[Flag]) -> CliOptions {
    let given = |flag: &&Flag| !flag.path.is_empty() && matches.contains_id(&flag.name);
    CliOptions {
        config_file: matches.get_one::<PathBuf>("config.file").cloned(),
        expand_env: is_on(matches, "config.expand-env"),
        strict: is_on(matches, "config.strict"),
        overrides: table
            .iter()
            .filter(given)
            .map(|flag| Override {
                flag: flag.name.clone(),
                path: flag.path.clone(),
                values: matches.get_many(&flag.name).into_iter().flatten().cloned().collect(),
                is_list: is_list(flag.shape),
            })
            .collect(),
    }
}

fn demo_options(matches: &ArgMatches) -> DemoOptions {
    let default = DemoOptions::default();
    DemoOptions {
        data_dir: matches.get_one("data-dir").cloned().unwrap_or(default.data_dir),
        rate_spans_per_s: matches.get_one("rate").copied().unwrap_or(default.rate_spans_per_s),
        duration: matches.get_one("duration").copied().unwrap_or(default.duration),
        cores: matches.get_one("cores").copied().unwrap_or(default.cores),
    }
}

fn is_on(matches: &ArgMatches, name: &str) -> bool {
    matches.get_one::<String>(name).is_some_and(|value| value == "true")
}

fn is_list(shape: Shape) -> bool {
    matches!(shape, Shape::One(Kind::Texts | Kind::Floats))
}

fn command(table: &[Flag]) -> clap::Command {
    clap::Command::new("stringendo")
        .about("A distributed tracing backend that takes the place of Grafana Tempo")
        .after_help(
            "One dash is as good as two, and `-name value` as `-name=value`. Every key below \
             storage.trace and stringendo has a flag of its own name. Flags win over the file.",
        )
        .disable_version_flag(true)
        .disable_help_subcommand(true)
        .args_override_self(true)
        .args(general_args())
        .args(table.iter().map(key_arg))
        .subcommand(demo_command())
        .subcommand(blocks::command())
}

fn general_args() -> Vec<Arg> {
    vec![
        Arg::new("config.file")
            .long("config.file")
            .value_name("FILE")
            .value_parser(clap::value_parser!(PathBuf))
            .help("Configuration: Tempo's YAML"),
        switch("config.expand-env").help("Replace ${VAR} in the file by the environment's values"),
        switch("config.verify")
            .alias("verify-config")
            .help("Load the configuration, print warnings, exit 1 if there are any"),
        switch("config.strict").help("Refuse keys that no Tempo has"),
        switch("health").help("Ask -health.url whether the server is ready, exit 0 or 1"),
        Arg::new("health.url")
            .long("health.url")
            .value_name("URL")
            .default_value("http://localhost:3200/ready")
            .help("Where -health asks"),
        switch("version").help("Print build information"),
    ]
}

/// `-x`, `-x=true`, `-x=false`.
fn switch(name: impl Into<clap::builder::Str>) -> Arg {
    let name = name.into();
    Arg::new(name.clone())
        .long(name)
        .num_args(0..=1)
        .require_equals(true)
        .default_missing_value("true")
        .value_name("BOOL")
        .hide_possible_values(true)
        .value_parser(ValueParser::from(go_bool as fn(&str) -> Result<String, String>))
}

fn go_bool(text: &str) -> Result<String, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok("true".to_owned()),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok("false".to_owned()),
        _ => Err("expected true or false".to_owned()),
    }
}

fn key_arg(flag: &Flag) -> Arg {
    let shape = flag.shape;
    let mut arg = if matches!(shape, Shape::One(Kind::Bool)) {
        switch(flag.name.clone())
    } else {
        Arg::new(flag.name.clone())
            .long(flag.name.clone())
            .value_name(value_name(shape))
            .allow_hyphen_values(true)
            .value_parser(move |text: &str| check_value(shape, text))
    };
    if is_list(shape) {
        arg = arg.action(ArgAction::Append);
    }
    if flag.name.contains('_') {
        arg = arg.alias(flag.name.replace('_', "-"));
    }
    if flag.heading.is_empty() {
        return arg.hide(true);
    }
    arg.help_heading(flag.heading).help(flag.help)
}

fn value_name(shape: Shape) -> &'static str {
    match shape {
        Shape::One(Kind::Span) => "DURATION",
        Shape::One(Kind::Port) => "PORT",
        Shape::One(Kind::Size | Kind::Int) => "NUMBER",
        Shape::One(Kind::Float) => "NUMBER",
        Shape::Word(_) => "WORD",
        _ => "TEXT",
    }
}

fn check_value(shape: Shape, text: &str) -> Result<String, String> {
    let node = Node::plain(text, Place::Flag(String::new()));
    match shape {
        Shape::One(kind) if !matches!(kind, Kind::Texts | Kind::Floats) => kind.check(&node)?,
        Shape::Word(words) if !words.contains(&text) => {
            return Err(format!("expected one of {}", words.join(", ")));
        }
        _ => {}
    }
    Ok(text.to_owned())
}

fn demo_command() -> clap::Command {
    clap::Command::new("demo")
        .about("Run a server and a shop-like workload, show what can be asked, keep serving")
        .args_override_self(true)
        .arg(
            Arg::new("data-dir")
                .long("data-dir")
                .value_name("DIR")
                .value_parser(clap::value_parser!(PathBuf))
                .help("Where blocks and the write-ahead log go [default: ./data]"),
        )
        .arg(
            Arg::new("rate")
                .long("rate")
                .value_name("SPANS/S")
                .value_parser(clap::value_parser!(u64))
                .help("Spans per second; 0 is as fast as they are taken [default: 20000]"),
        )
        .arg(
            Arg::new("duration")
                .long("duration")
                .value_name("DURATION")
                .value_parser(|text: &str| duration::parse(text))
                .help("How long the workload runs [default: 20s]"),
        )
        .arg(
            Arg::new("cores")
                .long("cores")
                .value_name("NUMBER")
                .value_parser(clap::value_parser!(usize))
                .help("Shards; 0 is one per processor [default: 0]"),
        )
}

#[cfg(test)]
#[path = "cli_tests.rs"]
mod tests;
