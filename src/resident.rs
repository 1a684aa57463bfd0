//! Keeps resident memory within the budgets of the cores: looks at it now and then, more often the
//! nearer it is, and has the allocator give its free pages back when it is there.
//!
//! What is in use is bounded by the account of each core (`engine/src/budget.rs`). The rest of the
//! budget may hold free pages, which the next buffer takes without a fault. Does not know what
//! memory is used for.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use stringendo_ring::repeat_aside;

use crate::allocator;

const MIB: u64 = 1 << 20;
/// Between two looks at the limit. A core that fills memory as fast as it can takes some MiB in
/// that time.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// Between two looks far from the limit.
const LOOK_EVERY_MAX: Duration = Duration::from_millis(100);
/// After so long what nobody needed meanwhile is given back.
const UNUSED_AFTER: Duration = Duration::from_secs(1);
/// Room for what the kernel says of a process: seven numbers.
const STATM_BYTES: usize = 256;
/// Of a core's budget, for what comes between two looks.
const MARGIN_BYTES: u64 = 24 * MIB;
/// Of a core's budget, too: larger budgets have larger buffers.
const MARGIN_SHARE: u64 = 16;

/// Free pages are given back beyond that many resident bytes.
pub fn limit_bytes(cores: u16, budget_bytes_per_core: u64) -> u64 {
    let margin = MARGIN_BYTES + budget_bytes_per_core / MARGIN_SHARE;
    u64::from(cores) * budget_bytes_per_core.saturating_sub(margin)
}

/// Begins to look, as long as the process lives.
///
/// # Errors
/// When `/proc` cannot be read, or there is no thread to be had.
pub fn keep_below(cores: u16, limit_bytes: u64) -> io::Result<()> {
    let resident = Resident::open()?;
    let mut since_unused = Duration::ZERO;
    repeat_aside("memory", move || {
        // Where the kernel does not tell, memory is given back rather than kept.
        let headroom = resident.bytes().and_then(|bytes| limit_bytes.checked_sub(bytes));
        if headroom.is_none() {
            allocator::give_back_all();
        } else if since_unused >= UNUSED_AFTER {
            since_unused = Duration::ZERO;
            allocator::give_back_unused();
        }
        let pause = pause(cores, headroom.unwrap_or(0));
        since_unused += pause;
        pause
    })
}

/// How long the cores need at least to take `headroom_bytes`, and what the margin is for.
fn pause(cores: u16, headroom_bytes: u64) -> Duration {
    let margins = headroom_bytes / (u64::from(cores.max(1)) * MARGIN_BYTES);
    let most = LOOK_EVERY_MAX.as_millis() / LOOK_EVERY.as_millis();
    LOOK_EVERY * (margins + 1).min(most as u64) as u32
}

/// The process's resident memory.
pub struct Resident {
    statm: File,
}

impl Resident {
    /// # Errors
    /// From the operating system.
    pub fn open() -> io::Result<Self> {
        // `/proc/self/status` says the same and takes five times as long.
        Ok(Self { statm: File::open("/proc/self/statm")? })
    }

    /// As the kernel says now, if it says.
    pub fn bytes(&self) -> Option<u64> {
        let mut text = [0; STATM_BYTES];
        let read = self.statm.read_at(&mut text, 0).ok()?;
        Some(resident_pages(&text[..read])? * rustix::param::page_size() as u64)
    }
}

/// The second number of proc_pid_statm(5).
fn resident_pages(statm: &[u8]) -> Option<u64> {
    std::str::from_utf8(statm).ok()?.split(' ').nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_leaves_a_margin_for_every_core() {
        assert_eq!(limit_bytes(1, 96 * MIB), 66 * MIB);
        assert_eq!(limit_bytes(4, 512 * MIB), 4 * 456 * MIB);
    }

    #[test]
    fn resident_pages_are_the_second_number() {
        assert_eq!(resident_pages(b"166841 17808 1284 14022 0 102311 0\n"), Some(17808));
        assert_eq!(resident_pages(b"166841\n"), None);
    }

    #[test]
    fn the_farther_the_limit_the_longer_the_pause() {
        let ms = |cores, headroom| pause(cores, headroom).as_millis();
        assert_eq!((ms(1, 0), ms(1, 24 * MIB), ms(1, 72 * MIB)), (5, 10, 20));
        assert_eq!(ms(4, 96 * MIB), 10);
        assert_eq!((ms(1, u64::MAX), ms(0, 0)), (100, 5));
    }
}
