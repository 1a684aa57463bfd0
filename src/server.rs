//! Runs the server: checks before the start, one `main` per core, the end.
//!
//! From: [`crate::wiring`]. The order on a core is: engine, API (so that `/ready` can say no), the
//! log read back, receivers. [`crate::stop`] has the way down.

use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;

use futures_util::future::{Either, select};
use stringendo_config::Settings;
use stringendo_engine::limits::MESH_LANE_MESSAGES;
use stringendo_engine::message::Message;
use stringendo_engine::{EngineSettings, Node, boot};
use stringendo_net::{ApiServer, ApiSettings, ReceiverServer, ReceiverSettings, StatusPages};
use stringendo_ring::{Class, Clock, CoreContext, RingOptions, preflight, spawn, spawn_detached};

use crate::data_lock;
use crate::resident;
use crate::stop::{self, Lines, Podium};
use crate::{stores, wiring};

/// What every core starts from.
#[derive(Clone)]
struct Plan {
    engine: Arc<EngineSettings>,
    target: &'static str,
    api: ApiSettings,
    receivers: ReceiverSettings,
    pages: Arc<StatusPages>,
    lines: Lines,
    podium: Podium,
}

/// Runs until a signal or `/shutdown` ends it in order.
///
/// # Errors
/// Why the server did not start or could not go on, for people.
pub fn run(settings: &Settings) -> Result<(), String> {
    let cores = match u16::try_from(settings.stringendo.cores) {
        Ok(0) => preflight::available_cpus(),
        Ok(cores) => cores,
        Err(_) => return Err(format!("{} cores are too many", settings.stringendo.cores)),
    };
    preflight::check(cores).map_err(text)?;
    let (lines, podium) = stop::arrange(settings.shutdown_delay).map_err(text)?;
    let trace = &settings.storage.trace;
    let backend = stores::backend(trace)
        .map_err(|error| format!("storage.trace.backend {}: {error}", stores::place(trace)))?;
    let plan = Plan {
        engine: Arc::new(wiring::engine(settings, backend)?),
        target: settings.target.name(),
        api: wiring::api(settings, cores).map_err(text)?,
        receivers: wiring::receivers(settings).map_err(text)?,
        pages: Arc::new(wiring::status_pages(settings)),
        lines,
        podium,
    };
    let _until_the_end = data_lock::lock(&plan.engine.wal_path).map_err(text)?;
    announce(&plan, cores, &stores::place(trace));
    let limit_bytes = resident::limit_bytes(cores, plan.engine.budget_bytes_per_core);
    resident::keep_below(cores, limit_bytes).map_err(text)?;
    let pin = settings.stringendo.pin_cores;
    let options = RingOptions { cores, pin, mesh_lane_messages: MESH_LANE_MESSAGES };
    stringendo_ring::run(&options, move |context| run_core(context, plan.clone())).map_err(text)
}

/// The same with logs and an exit status.
pub fn serve(settings: &Settings) -> ExitCode {
    match run(settings) {
        Ok(()) => {
            tracing::info!("stopped");
            ExitCode::SUCCESS
        }
        Err(reason) => {
            tracing::error!(reason, "the server ends");
            ExitCode::FAILURE
        }
    }
}

fn announce(plan: &Plan, cores: u16, blocks: &str) {
    let build = &plan.pages.build;
    let receivers = &plan.receivers;
    let grpc: Vec<_> = receivers.otlp_grpc.iter().flat_map(|one| &one.addresses).collect();
    let http: Vec<_> = receivers.otlp_http.iter().flat_map(|one| &one.addresses).collect();
    tracing::info!(
        version = build.version, revision = build.revision, target = plan.target, cores,
        api = ?plan.api.addresses, grpc_api = ?plan.api.grpc.addresses,
        otlp_grpc = ?grpc, otlp_http = ?http,
        wal = %plan.engine.wal_path.display(), blocks,
        durability = ?plan.engine.durability,
        "starting"
    );
}

async fn run_core(context: CoreContext<Message>, plan: Plan) -> Result<(), String> {
    let (core, engine) = (context.id.0, Arc::clone(&plan.engine));
    let booted = boot::start(context, engine, Clock::System).await.map_err(text)?;
    if core == 0
        && let Some(conductor) = stop::take(&plan.podium)
    {
        spawn_detached(Class::Query, conductor.conduct(booted.node.clone()));
    }
    let served = serve_core(booted.node, plan);
    futures_util::pin_mut!(served);
    match select(served, booted.log_failure).await {
        Either::Left((outcome, _)) => outcome,
        // What was acknowledged is in the log; nothing more can be. A restart reads it back.
        Either::Right((reason, _)) => Err(format!("the write-ahead log has failed: {reason}")),
    }
}

async fn serve_core(node: Node, plan: Plan) -> Result<(), String> {
    let lines = plan.lines;
    let api = ApiServer::bind(plan.api).map_err(text)?;
    let pages = Rc::new(StatusPages::clone(&plan.pages));
    let api = spawn(
        Class::Query,
        api.run(node.clone(), pages, Rc::new(stop::request), lines.stop.clone()),
    );
    if recovered(&node, &lines).await? {
        let receivers = ReceiverServer::bind(plan.receivers).map_err(text)?;
        tracing::info!(core = node.shard().core.0, "core is ready");
        receivers.run(node, lines.stop.clone()).await;
    }
    api.await;
    lines.tell_drained();
    lines.end.stopped().await;
    Ok(())
}

/// Reads the log back; `false` if the process is to end before that is done.
async fn recovered(node: &Node, lines: &Lines) -> Result<bool, String> {
    let (recovery, stopped) = (boot::recover(node), lines.stop.stopped());
    futures_util::pin_mut!(recovery, stopped);
    match select(recovery, stopped).await {
        Either::Left((outcome, _)) => outcome.map(|()| true).map_err(text),
        Either::Right(_) => Ok(false),
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
