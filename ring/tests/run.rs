//! Starting, ending and failing cores, and the tasks on them.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod common;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Mutex;
use std::time::Duration;

use common::{on_a_core, on_cores, options, try_on_cores};
use stringendo_ring::{
    Class, Clock, CoreContext, CoreId, Notify, RingError, RingOptions, offload, run, sleep, spawn,
    spawn_detached, timeout, yield_if_due,
};

#[test]
fn every_core_runs_its_main_once_and_knows_the_others() {
    static SEEN: Mutex<Vec<(CoreId, u16)>> = Mutex::new(Vec::new());
    on_cores(2, |context: CoreContext<()>| async move {
        SEEN.lock().unwrap().push((context.id, context.cores));
    });
    let mut seen = SEEN.lock().unwrap().clone();
    seen.sort();
    assert_eq!(seen, [(CoreId(0), 2), (CoreId(1), 2)]);
}

#[test]
fn pinned_cores_run_on_cpus_of_their_own() {
    let options = RingOptions { cores: 0, pin: true, mesh_lane_messages: 1 };
    run(&options, |context: CoreContext<()>| async move {
        let cpus = rustix::thread::sched_getaffinity(None).unwrap().count();
        assert_eq!(cpus, 1, "core {:?}", context.id);
        let aside = offload(|| rustix::thread::sched_getaffinity(None).unwrap().count());
        assert_eq!(aside.await.unwrap(), u32::from(context.cores));
        Ok::<_, String>(())
    })
    .unwrap();
}

#[test]
fn more_pinned_cores_than_cpus_are_refused() {
    let options = RingOptions { cores: u16::MAX, pin: true, ..options(1) };
    let error = run(&options, |_: CoreContext<()>| async { Ok::<_, String>(()) }).unwrap_err();
    assert!(matches!(error, RingError::Cores { wanted: u16::MAX, .. }), "{error}");
}

#[test]
fn the_error_of_one_core_is_returned_while_the_other_still_runs() {
    let outcome = try_on_cores(2, |context: CoreContext<()>| async move {
        match context.id {
            CoreId(0) => std::future::pending().await,
            _ => Err("the disk is gone".to_owned()),
        }
    });
    assert_eq!(outcome.unwrap_err().to_string(), "core 1: the disk is gone");
}

#[test]
fn a_panic_in_a_task_ends_its_core_with_an_error() {
    let outcome = try_on_cores(2, |context: CoreContext<()>| async move {
        if context.id == CoreId(1) {
            spawn_detached(Class::Background, async { panic!("on purpose") });
        }
        std::future::pending().await
    });
    assert_eq!(outcome.unwrap_err().to_string(), "core 1: panicked: on purpose");
}

#[test]
fn tasks_of_all_classes_return_their_output() {
    on_a_core(|| async {
        for class in [Class::Ack, Class::Query, Class::Flush, Class::Background] {
            assert_eq!(spawn(class, async move { class }).await, class);
        }
    });
}

#[test]
fn dropping_a_handle_cancels_the_task_and_detaching_does_not() {
    on_a_core(|| async {
        let ended = Rc::new(Cell::new(0));
        let (first, second) = (Rc::clone(&ended), Rc::clone(&ended));
        drop(spawn(Class::Ack, async move { first.set(1) }));
        spawn_detached(Class::Ack, async move { second.set(second.get() + 10) });
        sleep(Duration::from_millis(5)).await;
        assert_eq!(ended.get(), 10);
    });
}

#[test]
fn sleeps_end_in_the_order_of_their_durations_and_not_early() {
    on_a_core(|| async {
        let order = Rc::new(RefCell::new(Vec::new()));
        let sleepers = [40, 5, 20].map(|millis| {
            let order = Rc::clone(&order);
            spawn(Class::Ack, async move {
                let started = Clock::System.monotonic();
                sleep(Duration::from_millis(millis)).await;
                let slept = Clock::System.monotonic() - started;
                assert!(slept >= Duration::from_millis(millis));
                order.borrow_mut().push(millis);
            })
        });
        for sleeper in sleepers {
            sleeper.await;
        }
        assert_eq!(*order.borrow(), [5, 20, 40]);
    });
}

#[test]
fn a_timeout_gives_up_on_what_never_ends_and_returns_what_does() {
    on_a_core(|| async {
        let never = std::future::pending::<()>();
        assert_eq!(timeout(Duration::from_millis(1), never).await, None);
        assert_eq!(timeout(Duration::from_secs(3600), async { 7 }).await, Some(7));
    });
}

#[test]
fn a_long_loop_that_yields_lets_an_urgent_task_in() {
    on_a_core(|| async {
        let done = Rc::new(Cell::new(false));
        let loop_done = Rc::clone(&done);
        let looping = spawn(Class::Flush, async move {
            while !loop_done.get() {
                yield_if_due().await;
            }
        });
        spawn(Class::Ack, async move { done.set(true) }).await;
        looping.await;
    });
}

#[test]
fn notifications_are_remembered_once_and_wake_one_waiter_each() {
    on_a_core(|| async {
        let notify = Notify::new();
        notify.notify();
        notify.notify();
        notify.wait().await;
        assert_eq!(timeout(Duration::from_millis(1), notify.wait()).await, None);

        let woken = Rc::new(Cell::new(0));
        let waiters = [(); 3].map(|()| {
            let (notify, woken) = (notify.clone(), Rc::clone(&woken));
            spawn(Class::Ack, async move {
                notify.wait().await;
                woken.set(woken.get() + 1);
            })
        });
        sleep(Duration::from_millis(1)).await;
        for expected in 1..=3 {
            notify.notify();
            sleep(Duration::from_millis(1)).await;
            assert_eq!(woken.get(), expected);
        }
        drop(waiters);
    });
}

#[test]
fn offloaded_work_returns_its_result_and_its_panic() {
    on_a_core(|| async {
        let name = offload(|| std::thread::current().name().map(str::to_owned)).await.unwrap();
        assert!(name.unwrap().starts_with("offload-"));
        let error = offload(|| -> u8 { panic!("on purpose") }).await.unwrap_err();
        assert_eq!(error.to_string(), "offloaded work panicked: on purpose");
        assert_eq!(offload(|| 3).await.unwrap(), 3);
    });
}

#[test]
fn much_offloaded_work_all_ends_though_threads_are_few() {
    on_cores(2, |_: CoreContext<()>| async {
        let works: Vec<_> = (0..200).map(|n| spawn(Class::Flush, offload(move || n * 2))).collect();
        for (n, work) in works.into_iter().enumerate() {
            assert_eq!(work.await.unwrap(), n * 2);
        }
    });
}
