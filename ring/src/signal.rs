//! Signals that ask the process to end, for a task to await.

use std::io;

use futures_channel::mpsc;
use futures_util::StreamExt;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::threads;

/// Signals that wait to be read; more of them change nothing.
const WAITING_MAX: usize = 8;

/// Who asked the process to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndSignal {
    /// `SIGTERM`: a service manager.
    Terminate,
    /// `SIGINT`: Ctrl-C.
    Interrupt,
}

/// Receives `SIGTERM` and `SIGINT`, which no longer end the process by themselves.
pub struct EndSignals {
    received: mpsc::Receiver<EndSignal>,
}

impl EndSignals {
    /// From now on the signals come here. May be made on any thread and moved to a core.
    ///
    /// # Errors
    /// From the operating system.
    pub fn listen() -> io::Result<Self> {
        let mut signals = Signals::new([SIGTERM, SIGINT])?;
        let (mut sender, received) = mpsc::channel(WAITING_MAX);
        threads::spawn_aside("signals", move || {
            for number in &mut signals {
                let signal =
                    if number == SIGTERM { EndSignal::Terminate } else { EndSignal::Interrupt };
                if sender.try_send(signal).is_err_and(|error| error.is_disconnected()) {
                    break;
                }
            }
        })?;
        Ok(Self { received })
    }

    /// The next signal. A second one may mean that somebody is in a hurry.
    pub async fn next(&mut self) -> EndSignal {
        match self.received.next().await {
            Some(signal) => signal,
            // The thread never ends while this receiver lives.
            None => std::future::pending().await,
        }
    }
}
