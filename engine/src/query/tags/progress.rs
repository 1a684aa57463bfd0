//! What a question for tags has found so far, for whoever shows it before it ends.
//!
//! From: [`Node::tag_names_with`](crate::Node::tag_names_with) and its kin, which add each part's
//! findings as they come. To: streams, which look at it now and then, and the answer itself.

use std::cell::RefCell;

use super::answer::{NamesAnswer, ValuesAnswer};
use super::gather::Gathered;
use crate::error::QueryError;
use crate::query::memory::AnswerMemory;

/// A question at work. One serves one question.
#[derive(Debug, Default)]
pub struct TagsProgress(RefCell<Option<Gathered>>);

/// The same, once it began.
pub(super) struct AtWork<'a>(&'a TagsProgress);

impl TagsProgress {
    /// The names found so far, within the limits; `None` before it began. `memory` grows by what
    /// the copy holds. The answer may lack some of them, where a limit cuts it.
    ///
    /// # Errors
    /// There is no memory for a copy.
    pub fn names_so_far(
        &self,
        memory: &mut AnswerMemory,
    ) -> Result<Option<NamesAnswer>, QueryError> {
        self.0.borrow().as_ref().map(|gathered| gathered.names_so_far(memory)).transpose()
    }

    /// The values found so far, as [`TagsProgress::names_so_far`].
    ///
    /// # Errors
    /// There is no memory for a copy.
    pub fn values_so_far(
        &self,
        memory: &mut AnswerMemory,
    ) -> Result<Option<ValuesAnswer>, QueryError> {
        self.0.borrow().as_ref().map(|gathered| gathered.values_so_far(memory)).transpose()
    }

    pub(super) fn begin(&self, gathered: Gathered) -> AtWork<'_> {
        *self.0.borrow_mut() = Some(gathered);
        AtWork(self)
    }
}

impl AtWork<'_> {
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Gathered) -> T) -> T {
        let mut gathered = self.0.0.borrow_mut();
        change(gathered.as_mut().expect("it began, and finishing takes it away with this"))
    }

    pub(super) fn finish(self) -> Gathered {
        self.0.0.take().expect("it began, and finishing takes it away with this")
    }
}
