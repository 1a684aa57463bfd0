//! The subcommand `blocks`: looking at blocks, checking them, mending their filters, redacting.
//!
//! From: [`super::parse`]. To: the binary, which has the backend.

use std::path::PathBuf;

use clap::{Arg, ArgMatches};

use super::{CliOptions, is_on, switch};

/// Options of `blocks`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlocksOptions {
    /// Where the blocks are.
    pub place: BlocksPlace,
    /// Only this tenant's.
    pub tenant: Option<String>,
    /// What to do.
    pub action: BlocksAction,
}

/// Where the blocks are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BlocksPlace {
    /// Where this configuration has them.
    Configured(CliOptions),
    /// In this directory, as `storage.trace.local.path` names it; the log of the server that uses
    /// it is in the other.
    Directory {
        /// Blocks.
        path: PathBuf,
        /// Log, of which the lock is looked at; `wal` beside the blocks if it is not said.
        wal_path: PathBuf,
    },
}

/// What to do with blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BlocksAction {
    /// Print them.
    List {
        /// As JSON, a block a line.
        json: bool,
    },
    /// Print what is in one.
    Show {
        /// Its id.
        block: String,
        /// As JSON.
        json: bool,
    },
    /// Read everything and say what is wrong.
    Check {
        /// Only this one.
        block: Option<String>,
    },
    /// Make the filters again.
    RebuildFilters {
        /// Only of this one.
        block: Option<String>,
        /// Only where there are none that can be used.
        missing: bool,
    },
    /// Rewrite the blocks that have a trace, without it.
    DeleteTrace {
        /// The trace's id, in hex.
        trace_id: String,
        /// Remove the objects of the old blocks at once.
        purge: bool,
        /// Only say what would be done.
        dry_run: bool,
    },
}

/// The subcommand.
pub(super) fn command() -> clap::Command {
    clap::Command::new("blocks")
        .about("Look at blocks, check them, mend their filters, delete a trace")
        .long_about(
            "Works on the blocks of the configured backend (--config.file FILE before or behind \
             `blocks`) or of a directory (--path DIR). All but delete-trace may run beside a \
             server.",
        )
        .subcommand_required(true)
        .arg_required_else_help(true)
        .args([
            path("path", "DIR", "Directory of blocks: <tenant>/<block id>/meta.json, …"),
            path("wal-path", "DIR", "With --path: the server's log [default: wal beside it]"),
            path("config.file", "FILE", "Configuration that names the backend"),
            text("tenant", "TENANT", "Only blocks of this tenant"),
        ])
        .subcommands([list(), show(), check(), rebuild_filters(), delete_trace()])
}

fn list() -> clap::Command {
    clap::Command::new("list")
        .about(
            "Print tenant, id, version, size, traces, spans, time range and level of every block",
        )
        .arg(switch("json").help("A JSON object a line"))
}

fn show() -> clap::Command {
    clap::Command::new("show")
        .about("Print a block's meta, row groups, columns with sizes and encodings, and filters")
        .arg(Arg::new("block").value_name("BLOCK").required(true).help("Id of the block"))
        .arg(switch("json").help("As JSON"))
}

fn check() -> clap::Command {
    clap::Command::new("check")
        .about("Read blocks from end to end and name what is wrong; status 1 if anything is")
        .long_about(
            "Holds meta.json against the file, decodes every page (checksums, levels, values), \
             reads every trace, and checks order and uniqueness of trace ids, times, nested sets, \
             statistics of services, Bloom filters, index and filters. Changes nothing.",
        )
        .arg(Arg::new("block").value_name("BLOCK").help("Id of the block [default: all]"))
}

fn rebuild_filters() -> clap::Command {
    clap::Command::new("rebuild-filters")
        .about("Make stringendo.filters of blocks again from their columns")
        .arg(Arg::new("block").value_name("BLOCK").help("Id of the block [default: all]"))
        .arg(switch("missing").help("Only where there are none that can be used"))
}

fn delete_trace() -> clap::Command {
    clap::Command::new("delete-trace")
        .about("Rewrite the blocks that hold a trace, without it, and print a receipt")
        .long_about(
            "Every block that holds the trace is written again without it; then the old one is \
             marked compacted (the server deletes it after compactor.compaction.\
             compacted_block_retention) or, with --purge, deleted at once. Nothing is done while a \
             server uses the data: its log may hold spans of the trace, too. Stop it in order \
             first.",
        )
        .arg(
            Arg::new("trace-id")
                .value_name("TRACE-ID")
                .required(true)
                .help("In hex, 1 to 32 digits"),
        )
        .arg(switch("purge").help("Delete the objects of the old blocks at once"))
        .arg(switch("dry-run").help("Only say which blocks hold it"))
}

fn path(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    text(name, value, help).value_parser(clap::value_parser!(PathBuf))
}

fn text(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value).help(help).global(true)
}

/// What was asked for; `options` are those before the subcommand.
pub(super) fn options(matches: &ArgMatches, mut options: CliOptions) -> BlocksOptions {
    let (name, of_action) = matches.subcommand().unwrap_or(("list", matches));
    let path = |name: &str| of_action.get_one::<PathBuf>(name).cloned();
    let place = match path("path") {
        Some(blocks) => {
            let beside = blocks.parent().unwrap_or(&blocks).join("wal");
            let wal_path = path("wal-path").unwrap_or(beside);
            BlocksPlace::Directory { path: blocks, wal_path }
        }
        None => {
            options.config_file = path("config.file").or(options.config_file);
            BlocksPlace::Configured(options)
        }
    };
    let tenant = of_action.get_one::<String>("tenant").cloned();
    BlocksOptions { place, tenant, action: action(name, of_action) }
}

fn action(name: &str, matches: &ArgMatches) -> BlocksAction {
    let text = |name: &str| matches.get_one::<String>(name).cloned();
    let block = || text("block");
    match name {
        "show" => {
            BlocksAction::Show { block: block().unwrap_or_default(), json: is_on(matches, "json") }
        }
        "check" => BlocksAction::Check { block: block() },
        "rebuild-filters" => {
            BlocksAction::RebuildFilters { block: block(), missing: is_on(matches, "missing") }
        }
        "delete-trace" => BlocksAction::DeleteTrace {
            trace_id: text("trace-id").unwrap_or_default(),
            purge: is_on(matches, "purge"),
            dry_run: is_on(matches, "dry-run"),
        },
        _ => BlocksAction::List { json: is_on(matches, "json") },
    }
}
