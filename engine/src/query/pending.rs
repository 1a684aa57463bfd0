//! Traces that one place has judged, until it is known that no other place has pieces of them.

use stringendo_traceql::EvalError;
use uuid::Uuid;

use super::collect::{FoundTrace, Newest};
use super::elsewhere::{Elsewhere, Piece};
use crate::error::QueryError;
use crate::limits::PENDING_TRACES_MAX;

/// What a piece is by itself: the find if it matches; or it cannot be evaluated, which counts only
/// if it is the whole trace.
pub type Judged = Result<Option<FoundTrace>, EvalError>;

/// Some traces, in the order in which they were judged.
#[derive(Default)]
pub struct Pending {
    pieces: Vec<Piece>,
    finds: Vec<Judged>,
}

impl Pending {
    /// Adds what one place holds of a trace. A find is charged to the memory of the [`Newest`] that
    /// it will be settled with.
    pub fn add(&mut self, piece: Piece, judged: Judged) {
        self.pieces.push(piece);
        self.finds.push(judged);
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Whether it is time to settle.
    pub fn is_full(&self) -> bool {
        self.pieces.len() >= PENDING_TRACES_MAX
    }

    /// Earliest start and latest end.
    pub fn times(&self) -> (u64, u64) {
        self.pieces.iter().fold((u64::MAX, 0), |(start, end), piece| {
            (start.min(piece.start_unix_nanos), end.max(piece.end_unix_nanos))
        })
    }

    /// Adds what is whole to `newest`, and notes the rest there. `own` are the blocks that the
    /// pieces are from; live data is asked if they are from blocks; `is_split` may know more.
    ///
    /// # Errors
    /// A whole trace cannot be evaluated, there is no memory, or the process is going down.
    pub async fn settle(
        &mut self,
        elsewhere: &Elsewhere<'_>,
        own: &[Uuid],
        ask_live: bool,
        is_split: impl Fn(&Piece) -> bool,
        newest: &mut Newest,
    ) -> Result<(), QueryError> {
        let live = match ask_live {
            true => elsewhere.live(&self.pieces).await?,
            false => vec![false; self.pieces.len()],
        };
        let stored = elsewhere.are_in_blocks(&self.pieces, own);
        let finds = std::mem::take(&mut self.finds);
        let is_elsewhere = live.into_iter().zip(stored).map(|(live, stored)| live || stored);
        for ((piece, judged), is_elsewhere) in self.pieces.drain(..).zip(finds).zip(is_elsewhere) {
            if is_elsewhere || is_split(&piece) {
                newest.add_split(piece, judged.ok().flatten())?;
            } else if let Some(found) = judged? {
                newest.add(found)?;
            }
        }
        Ok(())
    }
}
