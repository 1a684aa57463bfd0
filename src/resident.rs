//! Keeps resident memory within the budgets of the cores: looks at it every few milliseconds, and
//! has the allocator give its free pages back when it comes near.
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
/// Between two looks. A core that fills memory as fast as it can takes some MiB in that time.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// After so many looks what has been free for long is given back.
const LOOKS_UNTIL_UNUSED: u32 = 200;
/// Room for what the kernel says of a process: about 1.5 kB.
const STATUS_BYTES: usize = 4096;
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
pub fn keep_below(limit_bytes: u64) -> io::Result<()> {
    let resident = Resident::open()?;
    let mut looks = 0;
    repeat_aside("memory", LOOK_EVERY, move || {
        looks = (looks + 1) % LOOKS_UNTIL_UNUSED;
        // Where the kernel does not tell, memory is given back rather than kept.
        if resident.bytes().is_none_or(|bytes| bytes > limit_bytes) {
            allocator::give_back_all();
        } else if looks == 0 {
            allocator::give_back_unused();
        }
    })
}

/// The process's resident memory.
pub struct Resident {
    status: File,
}

impl Resident {
    /// # Errors
    /// From the operating system.
    pub fn open() -> io::Result<Self> {
        Ok(Self { status: File::open("/proc/self/status")? })
    }

    /// As the kernel says now, if it says.
    pub fn bytes(&self) -> Option<u64> {
        let mut text = [0; STATUS_BYTES];
        let read = self.status.read_at(&mut text, 0).ok()?;
        resident_bytes(&text[..read])
    }
}

/// `VmRSS` of proc_pid_status(5), which is given in kibibytes.
fn resident_bytes(status: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(status).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024)
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
    fn resident_memory_is_read_from_its_line() {
        let status = b"VmHWM:\t   90000 kB\nVmRSS:\t   71234 kB\nRssAnon:\t   1 kB\n";
        assert_eq!(resident_bytes(status), Some(71234 * 1024));
        assert_eq!(resident_bytes(b"VmHWM:\t   90000 kB\n"), None);
    }
}
