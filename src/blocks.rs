//! `stringendo blocks`: looks at stored blocks, checks them, mends their filters, deletes a trace.
//!
//! From: the command line. To: the backend of the configuration, or a directory, through an
//! executor of one core; what was found goes to the standard output, progress to standard error. No
//! server need run, and all but `delete-trace` may run beside one.

mod check;
mod delete;
mod filters;
mod list;
mod open;
mod show;
mod text;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use stringendo_config::settings::{self as config, LogFormat, LogLevel};
use stringendo_config::{BlocksAction, BlocksOptions, BlocksPlace, Settings};
use stringendo_engine::EngineSettings;
use stringendo_engine::backend::Backend;
use stringendo_ring::{CoreContext, RingOptions};

use crate::{cli, data_lock, logging, stores, wiring};

/// Why a command could not do its work, for people.
type Failed = String;

/// What a command works on.
struct Place {
    backend: Backend,
    engine: Arc<EngineSettings>,
    /// Only this tenant's blocks.
    tenant: Option<String>,
}

/// Runs a command; status 0 if all is well.
pub fn run(options: &BlocksOptions) -> ExitCode {
    match try_run(options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(reason) => {
            eprintln!("blocks: {reason}");
            ExitCode::FAILURE
        }
    }
}

/// Whether all is well.
fn try_run(options: &BlocksOptions) -> Result<bool, Failed> {
    logging::init(LogFormat::Logfmt, LogLevel::Warn).map_err(text)?;
    let settings = settings(&options.place)?;
    let backend = stores::backend(&settings.storage.trace).map_err(text)?;
    let engine = Arc::new(wiring::engine(&settings, backend)?);
    let changes = matches!(options.action, BlocksAction::DeleteTrace { dry_run: false, .. });
    let _until_the_end = match changes {
        true => Some(alone(&engine)?),
        false => None,
    };
    let is_well = Arc::new(AtomicBool::new(false));
    let (ring, options) = (RingOptions { cores: 1, pin: false, mesh_lane_messages: 1 }, options);
    let plan = (options.clone(), engine, Arc::clone(&is_well));
    stringendo_ring::run(&ring, move |_: CoreContext<()>| {
        let (options, engine, is_well) = plan.clone();
        async move {
            let backend = Backend::open(&engine.backend).await.map_err(text)?;
            let place = Place { backend, engine, tenant: options.tenant.clone() };
            is_well.store(act(&place, &options.action).await?, Ordering::SeqCst);
            Ok::<(), Failed>(())
        }
    })
    .map_err(text)?;
    Ok(is_well.load(Ordering::SeqCst))
}

/// The configuration, or the defaults for a directory.
fn settings(place: &BlocksPlace) -> Result<Settings, Failed> {
    let settings = match place {
        BlocksPlace::Configured(options) => {
            cli::load(options)
                .map_err(|_| "there is no configuration to go by".to_owned())?
                .settings
        }
        BlocksPlace::Directory { path, wal_path } => {
            let mut settings = Settings::default();
            settings.storage.trace.local.path.clone_from(path);
            settings.stringendo.wal.path.clone_from(wal_path);
            settings
        }
    };
    let trace = &settings.storage.trace;
    let path = &trace.local.path;
    if trace.backend == config::Backend::Local && !path.is_dir() {
        return Err(format!("{} is no directory", path.display()));
    }
    Ok(settings)
}

/// Makes sure that no server uses the data, nor will while the returned file is open; and that the
/// log holds nothing that a server would still make blocks of.
fn alone(engine: &EngineSettings) -> Result<Option<std::fs::File>, Failed> {
    let wal_path = &engine.wal_path;
    if !wal_path.is_dir() {
        return Ok(None);
    }
    let lock = data_lock::lock(wal_path).map_err(|error| {
        format!(
            "{error}\nA server uses this data. Stop it (SIGTERM flushes its log), then try again."
        )
    })?;
    let segments = std::fs::read_dir(wal_path).map_err(text)?.filter_map(Result::ok);
    let left = segments.filter(|file| file.path().extension().is_some_and(|end| end == "wal"));
    match left.count() {
        0 => Ok(Some(lock)),
        count => Err(format!(
            "{} holds {count} segments with spans that are in no block yet, and the trace may be \
             among them. Start the server and stop it in order, then try again.",
            wal_path.display()
        )),
    }
}

async fn act(place: &Place, action: &BlocksAction) -> Result<bool, Failed> {
    match action {
        BlocksAction::List { json } => list::run(place, *json).await,
        BlocksAction::Show { block, json } => show::run(place, block, *json).await,
        BlocksAction::Check { block } => check::run(place, block.as_deref()).await,
        BlocksAction::RebuildFilters { block, missing } => {
            filters::run(place, block.as_deref(), *missing).await
        }
        BlocksAction::DeleteTrace { trace_id, purge, dry_run } => {
            delete::run(place, trace_id, *purge, *dry_run).await
        }
    }
}

fn text(error: impl std::fmt::Display) -> Failed {
    error.to_string()
}
