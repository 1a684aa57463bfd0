//! The end of the process, in order: not ready, no new work, finish, flush, end.
//!
//! One core, the first, conducts; every core follows [`Lines`]. What asks for the end is a signal;
//! `/shutdown` sends one to its own process, so that there is one way only.

use std::process;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_channel::mpsc;
use futures_util::StreamExt;
use stringendo_engine::Node;
use stringendo_net::{StopSignal, StopTrigger, stop_signal};
use stringendo_ring::signal::{EndSignal, EndSignals};
use stringendo_ring::sleep;

/// What a core follows.
#[derive(Clone)]
pub struct Lines {
    /// Close listeners, finish what is in flight.
    pub stop: StopSignal,
    /// Everything is flushed: end.
    pub end: StopSignal,
    drained: mpsc::UnboundedSender<()>,
}

impl Lines {
    /// Tells the conductor that nothing is in flight on this core any more.
    pub fn tell_drained(&self) {
        // The conductor is gone only if its core has failed, and then the process ends.
        let _ = self.drained.unbounded_send(());
    }
}

/// What the first core conducts with.
pub struct Conductor {
    signals: EndSignals,
    stop: StopTrigger,
    end: StopTrigger,
    drained: mpsc::UnboundedReceiver<()>,
    /// How long `/ready` says no before listeners close.
    delay: Duration,
}

/// A place from which the first core takes the conductor: cores start from one shared function.
pub type Podium = Arc<Mutex<Option<Conductor>>>;

/// From now on the signals that end a process are ours.
///
/// # Errors
/// From the operating system.
pub fn arrange(delay: Duration) -> std::io::Result<(Lines, Podium)> {
    let signals = EndSignals::listen()?;
    let ((stop, stopped), (end, ended)) = (stop_signal(), stop_signal());
    let (sender, drained) = mpsc::unbounded();
    let lines = Lines { stop: stopped, end: ended, drained: sender };
    let conductor = Conductor { signals, stop, end, drained, delay };
    Ok((lines, Arc::new(Mutex::new(Some(conductor)))))
}

/// The conductor, for the first who asks.
pub fn take(podium: &Podium) -> Option<Conductor> {
    podium.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// Asks this process to end, as a service manager would.
pub fn request() {
    let itself = rustix::process::getpid();
    if let Err(error) = rustix::process::kill_process(itself, rustix::process::Signal::TERM) {
        tracing::error!(%error, "could not ask this process to end");
    }
}

impl Conductor {
    /// Waits for a signal, then brings the process to its end. A second signal ends it at once:
    /// what was acknowledged is in the log.
    pub async fn conduct(self, node: Node) {
        let Self { mut signals, stop, end, drained, delay } = self;
        let signal = signals.next().await;
        tracing::info!(signal = name(signal), "stopping: a second signal ends at once");
        let in_order = wind_down(&node, stop, drained, delay);
        let in_a_hurry = signals.next();
        futures_util::pin_mut!(in_order, in_a_hurry);
        match futures_util::future::select(in_order, in_a_hurry).await {
            futures_util::future::Either::Left(((), _)) => end.stop(),
            futures_util::future::Either::Right(_) => {
                tracing::warn!("second signal: ending without flushing; the log keeps the spans");
                process::exit(1);
            }
        }
    }
}

async fn wind_down(
    node: &Node,
    stop: StopTrigger,
    drained: mpsc::UnboundedReceiver<()>,
    delay: Duration,
) {
    let was_ready = node.ready().await.is_ok();
    node.stop().await;
    sleep(delay).await;
    stop.stop();
    drained.take(node.cores().count()).count().await;
    if !was_ready {
        tracing::info!("stopped while the log was read back; it stays as it is");
        return;
    }
    node.flush(None).await;
    tracing::info!("all live traces are in blocks");
    if !node.keeping_ended().await {
        tracing::warn!("a job of compaction does not end; the next start removes what it has left");
    }
}

fn name(signal: EndSignal) -> &'static str {
    match signal {
        EndSignal::Terminate => "SIGTERM",
        EndSignal::Interrupt => "SIGINT",
    }
}
