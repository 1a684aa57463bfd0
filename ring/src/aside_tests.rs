use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::{aside, sleep, timeout};
use crate::{CoreContext, RingOptions, run};

fn on_a_core<F, Fut>(body: F)
where
    F: Fn() -> Fut + Send + Sync + Clone + 'static,
    Fut: Future<Output = ()> + 'static,
{
    let options = RingOptions { cores: 1, pin: false, mesh_lane_messages: 1 };
    run(&options, move |_: CoreContext<()>| {
        let body = body.clone();
        async move {
            body().await;
            Ok::<(), String>(())
        }
    })
    .expect("runs");
}

#[test]
fn a_future_that_needs_tokio_runs_and_its_output_comes_back() {
    on_a_core(|| async {
        let output = aside(async {
            sleep(Duration::from_millis(1)).await;
            7
        });
        assert_eq!(output.await.expect("runs"), 7);
        let slow = aside(timeout(Duration::from_millis(1), std::future::pending::<()>()));
        assert!(slow.await.expect("runs").is_none());
    });
}

#[test]
fn a_panic_comes_back_as_an_error() {
    on_a_core(|| async {
        let error = aside(async { panic!("at the disco") }).await.map(|(): ()| ());
        assert!(error.expect_err("panics").to_string().contains("at the disco"));
        assert_eq!(aside(async { 1 }).await.expect("others go on"), 1);
    });
}

#[test]
fn a_future_that_nobody_waits_for_is_dropped() {
    struct Tell(Arc<AtomicBool>);
    impl Drop for Tell {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }
    on_a_core(|| async {
        let dropped = Arc::new(AtomicBool::new(false));
        let tell = Tell(Arc::clone(&dropped));
        let waiting = aside(async move {
            let _tell = tell;
            std::future::pending::<()>().await;
        });
        assert!(crate::timeout(Duration::from_millis(5), waiting).await.is_none());
        for _ in 0..1000 {
            if dropped.load(Ordering::SeqCst) {
                return;
            }
            crate::sleep(Duration::from_millis(5)).await;
        }
        panic!("it still runs");
    });
}
