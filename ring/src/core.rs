//! Starts one pinned executor per core and waits for all of them.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, mpsc};

use crate::mesh::{self, Mesh};
use crate::{backend, preflight, threads};

/// A core of this process, counted from 0; not a CPU number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CoreId(pub u16);

/// How to run.
#[derive(Clone, Debug)]
pub struct RingOptions {
    /// Number of cores to run on; 0 = all that the process may use.
    pub cores: u16,
    /// Pin each core's thread to a CPU of its own.
    pub pin: bool,
    /// Messages that wait in one lane of the mesh (from one core to one other).
    pub mesh_lane_messages: usize,
}

/// Why the ring did not start or ended.
#[derive(Debug, thiserror::Error)]
pub enum RingError {
    /// Fewer CPUs than cores asked for.
    #[error("{wanted} cores are configured, but the process may use only {available} CPUs")]
    Cores {
        /// From the configuration.
        wanted: u16,
        /// From the process's CPU affinity.
        available: u16,
    },
    /// An executor did not start.
    #[error("core {core}: executor did not start: {reason}")]
    Start {
        /// Which.
        core: u16,
        /// What the runtime said.
        reason: String,
    },
    /// A core ended with an error or a panic.
    #[error("core {core}: {reason}")]
    Ended {
        /// Which.
        core: u16,
        /// What it said.
        reason: String,
    },
}

/// What each core's main future gets.
pub struct CoreContext<M: Send + 'static> {
    /// This core.
    pub id: CoreId,
    /// How many cores there are.
    pub cores: u16,
    /// This core's end of the mesh.
    pub mesh: Mesh<M>,
}

/// Runs `main` on every core and returns when all of them have returned.
///
/// `main` is called once per core, on that core's thread; its future need not be `Send`. No `main`
/// starts before all executors have. The mesh lives until the process ends.
///
/// # Errors
/// See [`RingError`]. The first error is returned at once, without waiting for the other cores:
/// they run on until the process exits, which is what the caller should let it do.
pub fn run<M, F, Fut, E>(options: &RingOptions, main: F) -> Result<(), RingError>
where
    M: Send + 'static,
    F: Fn(CoreContext<M>) -> Fut + Send + Sync + Clone + 'static,
    Fut: Future<Output = Result<(), E>> + 'static,
    E: std::fmt::Display + Send + 'static,
{
    let cpus = choose_cpus(options)?;
    let cores = u16::try_from(cpus.len()).unwrap_or(u16::MAX);
    let mesh = mesh::Shared::new(cores, options.mesh_lane_messages);
    let (news, newsstand) = mpsc::channel();
    let mut starts = Vec::with_capacity(cpus.len());
    for (core, cpu) in (0..cores).zip(cpus) {
        let (start, started) = mpsc::sync_channel(1);
        let seat = Seat { id: CoreId(core), cores, cpu, mesh: Arc::clone(&mesh) };
        let (main, news) = (main.clone(), news.clone());
        threads::spawn_aside(&format!("core-{core}"), move || seat.work(main, &news, &started))
            .map_err(|error| RingError::Start { core, reason: error.to_string() })?;
        starts.push(start);
    }
    drop(news);
    wait_for_all(&newsstand, starts.len())?;
    for start in &starts {
        // A core that is gone has said why, or its absence is noticed below.
        let _ = start.send(());
    }
    wait_for_all(&newsstand, starts.len())
}

/// What a core's thread tells: it is ready, later it has ended, or at any time an error.
type News = Result<(), RingError>;

/// Waits for good news from each core, or for the first bad one.
fn wait_for_all(newsstand: &mpsc::Receiver<News>, cores: usize) -> Result<(), RingError> {
    for _ in 0..cores {
        newsstand.recv().unwrap_or_else(|_gone| {
            let reason = "a core's thread ended without saying why".to_owned();
            Err(RingError::Ended { core: 0, reason })
        })?;
    }
    Ok(())
}

/// A CPU for each core; `None` leaves the choice to the kernel.
fn choose_cpus(options: &RingOptions) -> Result<Vec<Option<usize>>, RingError> {
    let cpus = threads::cpu_numbers();
    let available = preflight::available_cpus();
    let wanted = if options.cores == 0 { available } else { options.cores };
    if !options.pin {
        return Ok(vec![None; usize::from(wanted)]);
    }
    if usize::from(wanted) > cpus.len() {
        return Err(RingError::Cores { wanted, available });
    }
    Ok(cpus.into_iter().take(usize::from(wanted)).map(Some).collect())
}

/// What a core's thread starts from.
struct Seat<M> {
    id: CoreId,
    cores: u16,
    cpu: Option<usize>,
    mesh: Arc<mesh::Shared<M>>,
}

impl<M: Send + 'static> Seat<M> {
    /// The life of a core's thread.
    fn work<F, Fut, E>(self, main: F, news: &mpsc::Sender<News>, started: &mpsc::Receiver<()>)
    where
        F: Fn(CoreContext<M>) -> Fut + 'static,
        Fut: Future<Output = Result<(), E>> + 'static,
        E: std::fmt::Display + Send + 'static,
    {
        let (core, cpu) = (self.id.0, self.cpu);
        let executor = caught(|| backend::executor::Executor::new(&format!("core-{core}"), cpu))
            .unwrap_or_else(Err);
        let executor = match executor {
            Ok(executor) => executor,
            Err(reason) => return tell(news, Err(RingError::Start { core, reason })),
        };
        tell(news, Ok(()));
        if started.recv().is_err() {
            return; // Another core did not start.
        }
        let outcome = caught(|| self.run(executor, main)).unwrap_or_else(Err);
        tell(news, outcome.map_err(|reason| RingError::Ended { core, reason }));
    }

    fn run<F, Fut, E>(self, executor: backend::executor::Executor, main: F) -> Result<(), String>
    where
        F: Fn(CoreContext<M>) -> Fut + 'static,
        Fut: Future<Output = Result<(), E>> + 'static,
        E: std::fmt::Display + Send + 'static,
    {
        let _end = EndOfCore { id: self.id, mesh: Arc::clone(&self.mesh) };
        let mesh = Mesh::new(self.id, self.mesh);
        let context = CoreContext { id: self.id, cores: self.cores, mesh };
        // Called inside the executor, so that `main` may use the core before its first await.
        executor.run(async move { main(context).await.map_err(|error| error.to_string()) })
    }
}

/// Tells the other cores, also while a panic unwinds.
struct EndOfCore<M> {
    id: CoreId,
    mesh: Arc<mesh::Shared<M>>,
}

impl<M> Drop for EndOfCore<M> {
    fn drop(&mut self) {
        self.mesh.end(self.id);
    }
}

fn caught<T>(body: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(body))
        .map_err(|panic| format!("panicked: {}", threads::panic_text(&*panic)))
}

fn tell(news: &mpsc::Sender<News>, item: News) {
    // Nobody listens any more only when `run` has already returned another core's error.
    let _ = news.send(item);
}
