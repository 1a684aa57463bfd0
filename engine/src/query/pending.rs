//! Traces that one place has judged, until it is known that no other place has pieces of them.

use uuid::Uuid;

use super::collect::{FoundTrace, Newest};
use super::elsewhere::{Elsewhere, Piece};
use crate::error::QueryError;
use crate::limits::PENDING_TRACES_MAX;

/// Some traces, in the order in which they were judged.
#[derive(Default)]
pub struct Pending {
    pieces: Vec<Piece>,
    finds: Vec<Option<FoundTrace>>,
}

impl Pending {
    /// Adds what one place holds of a trace, and the find if it matches by itself, charged to the
    /// memory of the [`Newest`] that it will be settled with.
    pub fn add(&mut self, piece: Piece, found: Option<FoundTrace>) {
        self.pieces.push(piece);
        self.finds.push(found);
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
    /// There is no memory, or the process is going down.
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
        let finds = std::mem::take(&mut self.finds);
        for ((piece, found), live) in self.pieces.drain(..).zip(finds).zip(live) {
            if live || is_split(&piece) || elsewhere.in_blocks(&piece, own) {
                newest.add_split(piece, found)?;
            } else if let Some(found) = found {
                newest.add(found)?;
            }
        }
        Ok(())
    }
}
