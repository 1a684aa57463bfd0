//! How a core's listeners learn that the process goes down.

use futures_util::FutureExt;
use futures_util::future::Shared;
use stringendo_ring::oneshot;

/// Stops everything that waits on its [`StopSignal`]s. Dropping it stops them too.
pub struct StopTrigger(oneshot::Sender<()>);

/// Tells when to stop; clones share it.
#[derive(Clone)]
pub struct StopSignal(Shared<oneshot::Receiver<()>>);

/// A trigger and its signal. Either may be sent to another core.
pub fn stop_signal() -> (StopTrigger, StopSignal) {
    let (sender, receiver) = oneshot::channel();
    (StopTrigger(sender), StopSignal(receiver.shared()))
}

impl StopTrigger {
    /// Stops.
    pub fn stop(self) {
        // Nobody listens any more only when everything has ended already.
        let _ = self.0.send(());
    }
}

impl StopSignal {
    /// Completes when it is time to stop, at once if it has been.
    pub async fn stopped(&self) {
        // An error means that the trigger is gone, which stops as well.
        let _ = self.0.clone().await;
    }
}
