//! What is left in the store of tenants without blocks: pieces of blocks that were never finished,
//! and empty directories (contract blocks.md §21, "Empty tenants").
//!
//! From: [`crate::block_poll`], with tenants that it found to have none. Objects that are no part
//! of a block may be somebody else's; a tenant that has some is left alone.

use std::io;

use uuid::Uuid;

use super::{Backend, object};
use crate::tenant::TenantId;

/// Something below a tenant's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftObject {
    /// Its path below that, with `/`; a directory's ends with it.
    pub name: String,
    /// When it was last written, nanoseconds since the Unix epoch.
    pub modified_unix_nanos: u64,
}

/// Deletes what is left of a tenant, if it is all older than the given time (nanoseconds since the
/// Unix epoch), and nothing but pieces of blocks. Tells how many objects went; `None` if the tenant
/// was left alone.
///
/// # Errors
/// From the store; what was deleted until then is gone.
pub async fn delete(
    backend: &Backend,
    tenant: &TenantId,
    before_unix_nanos: u64,
) -> io::Result<Option<usize>> {
    let objects = backend.objects_of(tenant).await?;
    if !objects.iter().all(|object| may_go(object, before_unix_nanos)) {
        return Ok(None);
    }
    let count = objects.iter().filter(|object| !object.name.ends_with('/')).count();
    backend.delete_objects_of(tenant, &objects).await?;
    Ok(Some(count))
}

fn may_go(left: &LeftObject, before_unix_nanos: u64) -> bool {
    left.modified_unix_nanos < before_unix_nanos && is_unfinished(&left.name)
}

/// Whether it is a piece of a block, and not what makes one visible. A tenant index is none:
/// whoever finds that there are no blocks any more removes it.
fn is_unfinished(name: &str) -> bool {
    let Some((block, name)) = name.split_once('/') else { return false };
    Uuid::try_parse(block).is_ok() && name != object::META && name != object::META_COMPACTED
}

#[cfg(test)]
#[path = "leftovers_tests.rs"]
mod tests;
