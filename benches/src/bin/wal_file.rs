//! What a durable group costs on this disk: `ring`'s `WalFile` beside the plain system calls that
//! it makes and two that it does not. `cargo run --release -p stringendo-benches --bin wal_file
//! [directory]`; the directory (default: the current one) decides which disk is measured.

use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::{FallocateFlags, OFlags, fallocate};
use rustix::io::{ReadWriteFlags, pwritev2};
use rustix::time::{ClockId, clock_gettime};
use stringendo_ring::file::WalFile;
use stringendo_ring::{Clock, CoreContext, RingOptions, run};

const FILE_BYTES: u64 = 256 << 20;
const GROUPS: [(usize, u64); 3] = [(4 << 10, 2_000), (64 << 10, 1_000), (1 << 20, 200)];

#[repr(C, align(4096))]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct Page([u8; 4096]);

#[derive(Clone)]
struct Group(Arc<[Page]>);

impl AsRef<[u8]> for Group {
    fn as_ref(&self) -> &[u8] {
        bytemuck::cast_slice(&self.0)
    }
}

fn group(bytes: usize) -> Group {
    Group((0..bytes / 4096).map(|page| Page([page as u8 | 1; 4096])).collect())
}

/// Wall-clock and CPU time since some point before. The CPU time is that of the whole process.
fn now() -> (Duration, Duration) {
    let cpu = clock_gettime(ClockId::ProcessCPUTime);
    let cpu = Duration::new(cpu.tv_sec.unsigned_abs(), cpu.tv_nsec.unsigned_abs() as u32);
    (Clock::System.monotonic(), cpu)
}

fn report(way: &str, bytes: usize, groups: u64, since: (Duration, Duration)) {
    let (wall, cpu) = now();
    let (wall, cpu) = ((wall - since.0).as_nanos() as u64, (cpu - since.1).as_nanos() as u64);
    let mib = (bytes as u64 * groups) as f64 / f64::from(1 << 20);
    println!(
        "{way:32} {:5} KiB: {:8} ns a group, {:9.0} ns a MiB, CPU {:7} ns a group",
        bytes >> 10,
        wall / groups,
        wall as f64 / mib,
        cpu / groups
    );
}

/// Offsets of groups that wrap around within the file.
fn offsets(bytes: usize, groups: u64) -> impl Iterator<Item = u64> {
    let bytes = bytes as u64;
    (0..groups).map(move |number| number * bytes % (FILE_BYTES - bytes + 1) / 4096 * 4096)
}

async fn measure_wal_file(directory: &Path) -> io::Result<()> {
    let path = directory.join("ring");
    let started = now();
    let file = WalFile::create(&path, FILE_BYTES).await?;
    report("WalFile::create", FILE_BYTES as usize, 1, started);
    for (bytes, groups) in GROUPS {
        let group = group(bytes);
        let started = now();
        for offset in offsets(bytes, groups) {
            file.write_and_sync(offset, group.clone()).await?;
        }
        report("WalFile::write_and_sync", bytes, groups, started);
    }
    Ok(())
}

fn measure_plain(
    way: &str,
    file: &File,
    write: impl Fn(&File, &[u8], u64) -> io::Result<()>,
) -> io::Result<()> {
    for (bytes, groups) in GROUPS {
        let group = group(bytes);
        let started = now();
        for offset in offsets(bytes, groups) {
            write(file, group.as_ref(), offset)?;
        }
        report(way, bytes, groups, started);
    }
    Ok(())
}

fn write_then_sync(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    file.write_all_at(bytes, offset)?;
    file.sync_data()
}

fn write_dsync(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    let written = pwritev2(file, &[IoSlice::new(bytes)], offset, ReadWriteFlags::DSYNC)?;
    if written == bytes.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}

fn open_direct(path: &Path) -> io::Result<File> {
    let direct = OFlags::DIRECT.bits().cast_signed();
    OpenOptions::new().read(true).write(true).create(true).custom_flags(direct).open(path)
}

fn measure_system_calls(directory: &Path) -> io::Result<()> {
    let filled = open_direct(&directory.join("ring"))?;
    measure_plain("pwrite + fdatasync, filled", &filled, write_then_sync)?;
    measure_plain("pwritev2(RWF_DSYNC), filled", &filled, write_dsync)?;
    let buffered = OpenOptions::new().write(true).open(directory.join("ring"))?;
    measure_plain("buffered + fdatasync, filled", &buffered, write_then_sync)?;
    let allocated = open_direct(&directory.join("allocated"))?;
    fallocate(&allocated, FallocateFlags::empty(), 0, FILE_BYTES)?;
    measure_plain("pwrite + fdatasync, allocated", &allocated, write_then_sync)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = std::env::args_os().nth(1).map_or_else(|| PathBuf::from("."), PathBuf::from);
    let scratch = tempfile::tempdir_in(directory)?;
    let path = scratch.path().to_owned();
    let options = RingOptions { cores: 1, pin: true, mesh_lane_messages: 1 };
    run(&options, move |_: CoreContext<()>| {
        let path = path.clone();
        async move { measure_wal_file(&path).await }
    })?;
    Ok(measure_system_calls(scratch.path())?)
}
