//! One executor, with a task queue for each class of work.

use std::cell::Cell;
use std::time::Duration;

use glommio::{Latency, LocalExecutor, LocalExecutorBuilder, Placement, Shares, TaskQueueHandle};

use crate::Class;

/// How long a task may run before [`yield_if_due`](crate::yield_if_due) gives way. Each slice costs
/// one trip into the kernel (about 2 µs), so this is below a percent. It is also how long a socket
/// that became readable waits while a lower class works.
const TIME_SLICE: Duration = Duration::from_micros(500);

/// Registered memory of glommio's own files, which nothing here uses: the least that it takes, so
/// that little of `RLIMIT_MEMLOCK` is needed.
const IO_MEMORY_BYTES: usize = 64 << 10;

/// Shares of the core where several classes have work. What a class leaves goes to the others.
const SHARES: [(Class, usize); 4] =
    [(Class::Ack, 1000), (Class::Query, 400), (Class::Flush, 200), (Class::Background, 50)];

thread_local! {
    static QUEUES: Cell<Option<[TaskQueueHandle; 4]>> = const { Cell::new(None) };
}

/// The executor of one core; stays on the thread that made it.
pub(crate) struct Executor {
    inner: LocalExecutor,
}

impl Executor {
    /// Makes an executor for this thread, which is pinned to `cpu` if there is one.
    pub(crate) fn new(name: &str, cpu: Option<usize>) -> Result<Self, String> {
        let placement = cpu.map_or(Placement::Unbound, Placement::Fixed);
        let inner = LocalExecutorBuilder::new(placement)
            .name(name)
            .io_memory(IO_MEMORY_BYTES)
            .preempt_timer(TIME_SLICE)
            .make()
            .map_err(|error| error.to_string())?;
        Ok(Self { inner })
    }

    /// Runs until `main` completes, in the most urgent class. Tasks that still run are dropped.
    pub(crate) fn run<T: 'static>(self, main: impl Future<Output = T> + 'static) -> T {
        let output = self.inner.run(async move {
            QUEUES.set(Some(create_queues()));
            crate::spawn(Class::Ack, main).await
        });
        QUEUES.set(None);
        output
    }
}

fn create_queues() -> [TaskQueueHandle; 4] {
    SHARES.map(|(class, shares)| {
        let latency = match class {
            Class::Ack => Latency::Matters(TIME_SLICE),
            Class::Query | Class::Flush | Class::Background => Latency::NotImportant,
        };
        glommio::executor().create_task_queue(
            Shares::Static(shares),
            latency,
            &format!("{class:?}"),
        )
    })
}

/// The task queue of `class` on this core.
pub(super) fn queue_of(class: Class) -> TaskQueueHandle {
    let queues = QUEUES.get().expect("tasks are spawned on a core, inside `run`");
    queues[class as usize]
}
