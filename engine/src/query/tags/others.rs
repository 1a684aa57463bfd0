//! What narrowed tags need to know of other places: spans are found by plans, and a plan that
//! judges whole traces must not judge pieces.

use stringendo_proto::TraceId;

use super::gather::Gathered;
use crate::block_list::BlockEntry;
use crate::error::QueryError;
use crate::query::elsewhere::{Elsewhere, Piece};
use crate::query::split::piece_in;

/// A trace that has to be looked at as a whole, and the time of the place that found it.
pub type SplitTag = (TraceId, (u64, u64));

/// Memory of one in a list that doubles.
pub const SPLIT_BYTES: u64 = 2 * size_of::<SplitTag>() as u64;

/// Other places, for the blocks that a core reads.
pub struct Others<'n> {
    pub elsewhere: Elsewhere<'n>,
    /// Some trace mattered, so other places have to be known.
    pub learns: bool,
}

impl Others<'_> {
    /// Learns what other places near the block hold. Must not be called with memory to read with.
    ///
    /// # Errors
    /// A block could not be read, or there is no memory.
    pub async fn learn(&mut self, block: &BlockEntry) -> Result<(), QueryError> {
        let piece = piece_in(block, TraceId::default());
        self.elsewhere.forget_far(piece.start_unix_nanos, piece.end_unix_nanos);
        self.elsewhere.learn(piece.start_unix_nanos, piece.end_unix_nanos).await
    }

    /// Which of these traces of a block are split; `None` if other places must be known first.
    ///
    /// # Errors
    /// The process is going down.
    pub async fn split(
        &mut self,
        block: &BlockEntry,
        ids: &[TraceId],
    ) -> Result<Option<Vec<bool>>, QueryError> {
        let pieces: Vec<Piece> = ids.iter().map(|id| piece_in(block, *id)).collect();
        let live = self.elsewhere.live(&pieces).await?;
        // What is live no more is in a block that is listed by now.
        self.elsewhere.refresh();
        let whole = piece_in(block, TraceId::default());
        if !self.elsewhere.knows(whole.start_unix_nanos, whole.end_unix_nanos) {
            return Ok(None);
        }
        let own = [block.meta.block_id];
        let is_split =
            |(piece, live): (&Piece, bool)| live || self.elsewhere.in_blocks(piece, &own);
        Ok(Some(pieces.iter().zip(live).map(is_split).collect()))
    }
}

/// Notes a trace that has to be looked at as a whole.
///
/// # Errors
/// There is no memory.
pub fn note(gathered: &mut Gathered, trace: SplitTag) -> Result<(), QueryError> {
    gathered.memory().grow(SPLIT_BYTES)?;
    gathered.split.push(trace);
    Ok(())
}
