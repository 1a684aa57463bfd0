//! Messages between cores: one bounded lane from every core to every other.

use crate::CoreId;

/// One core's end of the mesh. Cheap to clone on its core. A core may also send to itself.
pub struct Mesh<M> {
    _private: std::marker::PhantomData<M>,
}

impl<M> Clone for Mesh<M> {
    fn clone(&self) -> Self {
        todo!()
    }
}

/// The lane was full, or the other core has ended. Gives the message back.
#[derive(Debug)]
pub enum TrySendError<M> {
    /// The lane is full: the other core is behind.
    Full(M),
    /// The other core has ended.
    Closed(M),
}

impl<M: Send + 'static> Mesh<M> {
    /// This core.
    pub fn id(&self) -> CoreId {
        todo!()
    }

    /// How many cores there are.
    pub fn cores(&self) -> u16 {
        todo!()
    }

    /// Sends without waiting.
    ///
    /// # Errors
    /// When the lane is full or the other core has ended.
    pub fn try_send(&self, to: CoreId, message: M) -> Result<(), TrySendError<M>> {
        let _ = (to, message);
        todo!()
    }

    /// Sends, waiting while the lane is full.
    ///
    /// # Errors
    /// Gives the message back when the other core has ended.
    pub async fn send(&self, to: CoreId, message: M) -> Result<(), M> {
        let _ = (to, message);
        todo!()
    }

    /// The next message for this core and who sent it; `None` when every other core has ended.
    /// One task per core receives.
    pub async fn recv(&self) -> Option<(CoreId, M)> {
        todo!()
    }
}
