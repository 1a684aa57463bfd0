//! Reads that take long are asked for again; the first answer counts.

use futures_util::future::{Either, select};
use futures_util::stream::{FuturesUnordered, StreamExt};
use stringendo_ring::aside::sleep;

use crate::requests::Requests;
use crate::settings::Hedging;

/// The first good outcome of `ask`, which is asked again while none has come. Only within a future
/// that runs aside.
///
/// # Errors
/// The last error, when no request is left.
pub(crate) async fn hedged<T, E, F: Future<Output = Result<T, E>>>(
    hedging: Option<Hedging>,
    requests: &Requests,
    ask: impl Fn() -> F,
) -> Result<T, E> {
    let Some(Hedging { after, requests_max }) = hedging else { return ask().await };
    let mut asked = FuturesUnordered::new();
    asked.push(ask());
    let mut count = 1;
    let mut patience = std::pin::pin!(sleep(after));
    loop {
        let outcome = if count >= requests_max {
            asked.next().await
        } else {
            match select(asked.next(), patience.as_mut()).await {
                Either::Left((outcome, _)) => outcome,
                Either::Right(_) => {
                    requests.count_hedged();
                    asked.push(ask());
                    count += 1;
                    patience.set(sleep(after));
                    continue;
                }
            }
        };
        match outcome {
            Some(Err(_)) if !asked.is_empty() => {}
            Some(outcome) => return outcome,
            // There is one until it has an outcome.
            None => return ask().await,
        }
    }
}
