//! The mesh between cores that run, wait and end.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod common;

use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use common::on_cores;
use stringendo_ring::oneshot::{Sender, channel};
use stringendo_ring::{
    Class, CoreContext, CoreId, Mesh, TrySendError, sleep, spawn, spawn_detached, timeout,
    yield_if_due,
};

/// A question with the place for its answer.
type Question = (u64, Sender<u64>);

async fn answer_all(mesh: Mesh<Question>) {
    while let Some((_from, (number, answer))) = mesh.recv().await {
        answer.send(number + 1).unwrap();
    }
}

#[test]
fn questions_are_answered_across_cores_that_are_parked() {
    on_cores(2, |context: CoreContext<Question>| async move {
        if context.id == CoreId(1) {
            return answer_all(context.mesh).await;
        }
        for number in 0..50 {
            // Both cores are idle by then, so each message has to wake a parked core.
            sleep(Duration::from_millis(2)).await;
            let (answer, answered) = channel();
            context.mesh.send(CoreId(1), (number, answer)).await.unwrap();
            assert_eq!(answered.await.unwrap(), number + 1);
        }
    });
}

#[test]
fn questions_under_load_are_all_answered() {
    const ASKERS: u64 = 50;
    const QUESTIONS: u64 = 400;
    static CORES_DONE: AtomicU16 = AtomicU16::new(0);
    on_cores(2, |context: CoreContext<Question>| async move {
        // Each core answers until the test ends: the other one may still ask.
        spawn_detached(Class::Ack, answer_all(context.mesh.clone()));
        let askers: Vec<_> = (0..ASKERS)
            .map(|asker| {
                let mesh = context.mesh.clone();
                spawn(Class::Query, async move {
                    for number in 0..QUESTIONS {
                        let to = CoreId(((asker + number) % 2) as u16);
                        let (answer, answered) = channel();
                        mesh.send(to, (number, answer)).await.unwrap();
                        assert_eq!(answered.await.unwrap(), number + 1);
                    }
                })
            })
            .collect();
        for asker in askers {
            asker.await;
        }
        CORES_DONE.fetch_add(1, Ordering::SeqCst);
        while CORES_DONE.load(Ordering::SeqCst) < 2 {
            sleep(Duration::from_millis(1)).await;
        }
    });
}

#[test]
fn a_full_lane_refuses_and_a_waiting_sender_goes_on_when_there_is_room() {
    on_cores(2, |context: CoreContext<u32>| async move {
        let mesh = context.mesh;
        if context.id == CoreId(1) {
            for expected in 0..300 {
                assert_eq!(mesh.recv().await, Some((CoreId(0), expected)));
            }
            return assert_eq!(mesh.recv().await, None);
        }
        // Core 0 alone fills its lane to itself of four messages.
        for number in 0..4 {
            mesh.try_send(CoreId(0), number).unwrap();
        }
        assert!(matches!(mesh.try_send(CoreId(0), 4), Err(TrySendError::Full(4))));
        let (sender, receiver) = (mesh.clone(), mesh.clone());
        let waiting = spawn(Class::Ack, async move { sender.send(CoreId(0), 5).await });
        sleep(Duration::from_millis(1)).await;
        for expected in [0, 1, 2, 3, 5] {
            assert_eq!(receiver.recv().await, Some((CoreId(0), expected)));
        }
        waiting.await.unwrap();
        for number in 0..300 {
            mesh.send(CoreId(1), number).await.unwrap();
        }
    });
}

#[test]
fn all_senders_that_wait_for_a_slow_core_get_through_in_turn() {
    on_cores(2, |context: CoreContext<u32>| async move {
        let mesh = context.mesh;
        if context.id == CoreId(1) {
            let mut sum = 0;
            while let Some((_from, number)) = mesh.recv().await {
                sum += number;
                yield_if_due().await;
            }
            return assert_eq!(sum, (0..100).sum());
        }
        let senders: Vec<_> = (0..100)
            .map(|number| {
                let mesh = mesh.clone();
                spawn(Class::Query, async move { mesh.send(CoreId(1), number).await })
            })
            .collect();
        for sender in senders {
            sender.await.unwrap();
        }
    });
}

#[test]
fn a_core_that_has_ended_takes_no_messages_and_its_peer_learns_of_it() {
    on_cores(2, |context: CoreContext<u32>| async move {
        if context.id == CoreId(1) {
            return context.mesh.send(CoreId(0), 9).await.unwrap();
        }
        assert_eq!(context.mesh.recv().await, Some((CoreId(1), 9)));
        assert_eq!(context.mesh.recv().await, None);
        assert!(matches!(context.mesh.try_send(CoreId(1), 1), Err(TrySendError::Closed(1))));
        assert_eq!(context.mesh.send(CoreId(1), 2).await, Err(2));
    });
}

#[test]
fn a_sender_that_waits_for_room_is_told_when_the_core_ends() {
    on_cores(2, |context: CoreContext<u32>| async move {
        if context.id == CoreId(1) {
            return sleep(Duration::from_millis(5)).await;
        }
        let mut outcome = Ok(());
        while outcome.is_ok() {
            outcome = context.mesh.send(CoreId(1), 3).await;
        }
        assert_eq!(outcome, Err(3));
    });
}

#[test]
fn the_only_core_of_a_mesh_talks_to_itself_and_never_hears_an_end() {
    on_cores(1, |context: CoreContext<u32>| async move {
        context.mesh.send(CoreId(0), 1).await.unwrap();
        assert_eq!(context.mesh.recv().await, Some((CoreId(0), 1)));
        assert_eq!(timeout(Duration::from_millis(1), context.mesh.recv()).await, None);
    });
}
