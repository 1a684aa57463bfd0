//! Runs test bodies on real executors.
#![allow(dead_code, reason = "each test binary uses a part")]

use std::future::Future;

use stringendo_ring::{CoreContext, RingError, RingOptions, run};

pub fn options(cores: u16) -> RingOptions {
    RingOptions { cores, pin: false, mesh_lane_messages: 4 }
}

/// Runs `main` on `cores` cores with lanes of four messages.
pub fn try_on_cores<M, Fut>(
    cores: u16,
    main: impl Fn(CoreContext<M>) -> Fut + Send + Sync + Clone + 'static,
) -> Result<(), RingError>
where
    M: Send + 'static,
    Fut: Future<Output = Result<(), String>> + 'static,
{
    run(&options(cores), main)
}

/// As [`try_on_cores`]; a panic on a core fails the test.
pub fn on_cores<M, Fut>(
    cores: u16,
    main: impl Fn(CoreContext<M>) -> Fut + Send + Sync + Clone + 'static,
) where
    M: Send + 'static,
    Fut: Future<Output = ()> + 'static,
{
    try_on_cores(cores, move |context| {
        let body = main(context);
        async move {
            body.await;
            Ok(())
        }
    })
    .unwrap();
}

/// Runs `main` on one core.
pub fn on_a_core<Fut>(main: impl Fn() -> Fut + Send + Sync + Clone + 'static)
where
    Fut: Future<Output = ()> + 'static,
{
    on_cores(1, move |_context: CoreContext<()>| main());
}
