//! The ledger: which batches were acknowledged, which were sent without an answer, which were
//! refused. `verify` derives every expected span from it.
//!
//! A file of a 64-byte header and 32-byte records, all little-endian, appended and never changed:
//!
//! | header | | record | |
//! |---|---|---|---|
//! | 0 | magic `SGLEDGR1` | 0 | kind: 1 acknowledged, 2 unanswered, 3 refused |
//! | 8 | seed of the workload | 4 | template number, 32 bits |
//! | 16 | run id | 8 | instance (use of the group), 64 bits |
//! | 24 | spans a batch, 64 bits | 16 | base time, nanoseconds since the Unix epoch |
//! | 32 | groups of batches, 64 bits; then zero | 24 | zero, 32 bits |
//! | 60 | CRC-32 of bytes 0..60 | 28 | CRC-32 of bytes 0..28 |
//!
//! A torn tail (the load generator itself was killed) ends the ledger there and is reported.

use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use crate::options::{BATCH_SPANS_MAX, GROUPS_MAX, LoadError, WorkloadOptions};

const MAGIC: &[u8; 8] = b"SGLEDGR1";
const HEADER_BYTES: usize = 64;
const RECORD_BYTES: usize = 32;

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fate {
    /// The server said that it has it: all spans must be there.
    Acknowledged,
    /// The connection broke or time ran out: it may be there, in part or whole.
    Unanswered,
    /// The server refused it: it should not be there.
    Refused,
}

/// One batch that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Entry {
    /// What became of it.
    pub fate: Fate,
    /// Index of the template.
    pub template: u32,
    /// Use of the template's group.
    pub instance: u64,
    /// What its times are based on.
    pub base_unix_ns: u64,
}

/// What the whole ledger is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The workload, to draw it again.
    pub workload: WorkloadOptions,
    /// What ids are derived from.
    pub run_id: u64,
}

/// Appends to a ledger.
#[derive(Debug)]
pub struct LedgerWriter {
    file: BufWriter<File>,
    path: PathBuf,
}

impl LedgerWriter {
    /// Creates (or replaces) the file and writes its header.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn create(path: &Path, header: &Header) -> Result<Self, LoadError> {
        let error = |source| LoadError::Ledger { path: path.to_owned(), source };
        let mut file = BufWriter::new(File::create(path).map_err(error)?);
        file.write_all(&header.encode()).map_err(error)?;
        file.flush().map_err(error)?;
        Ok(Self { file, path: path.to_owned() })
    }

    /// Appends one batch. Buffered: call [`Self::flush`] when a connection breaks and at the end.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn append(&mut self, entry: &Entry) -> Result<(), LoadError> {
        self.file.write_all(&entry.encode()).map_err(|source| self.error(source))
    }

    /// Hands everything appended to the operating system.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn flush(&mut self) -> Result<(), LoadError> {
        self.file.flush().map_err(|source| self.error(source))
    }

    fn error(&self, source: std::io::Error) -> LoadError {
        LoadError::Ledger { path: self.path.clone(), source }
    }
}

/// A ledger read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ledger {
    /// What it is about.
    pub header: Header,
    /// All batches, in the order in which they were settled.
    pub entries: Vec<Entry>,
    /// Bytes at the end that are no valid record.
    pub torn_bytes: usize,
}

impl Ledger {
    /// Reads a whole ledger (32 bytes a batch, so a hundred million batches would be 3 GB).
    ///
    /// # Errors
    /// The file cannot be read or is no ledger. A torn tail is no error.
    pub fn read(path: &Path) -> Result<Self, LoadError> {
        let error = |source| LoadError::Ledger { path: path.to_owned(), source };
        let mut bytes = Vec::new();
        File::open(path).map_err(error)?.read_to_end(&mut bytes).map_err(error)?;
        Self::decode(&bytes)
            .map_err(|reason| LoadError::LedgerFormat { path: path.to_owned(), reason })
    }

    /// Reads a ledger from memory.
    ///
    /// # Errors
    /// What is wrong with the header.
    pub fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        let (head, body) = bytes.split_at_checked(HEADER_BYTES).ok_or("shorter than its header")?;
        let header = Header::decode(head)?;
        let records = body.chunks_exact(RECORD_BYTES);
        let entries: Vec<_> = records.map_while(Entry::decode).collect();
        let torn_bytes = body.len() - entries.len() * RECORD_BYTES;
        Ok(Self { header, entries, torn_bytes })
    }
}

impl Header {
    fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..16].copy_from_slice(&self.workload.seed.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.run_id.to_le_bytes());
        bytes[24..32].copy_from_slice(&(self.workload.batch_spans as u64).to_le_bytes());
        bytes[32..40].copy_from_slice(&(self.workload.groups as u64).to_le_bytes());
        seal(&mut bytes);
        bytes
    }

    fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        if &bytes[..8] != MAGIC {
            return Err("not a ledger of this version (magic SGLEDGR1)");
        }
        if !sealed(bytes) {
            return Err("the header's checksum does not match");
        }
        let (batch_spans, groups) = (word(bytes, 24) as usize, word(bytes, 32) as usize);
        if !(1..=BATCH_SPANS_MAX).contains(&batch_spans) || !(1..=GROUPS_MAX).contains(&groups) {
            return Err("the header asks for a workload that cannot be");
        }
        let workload = WorkloadOptions { seed: word(bytes, 8), batch_spans, groups };
        Ok(Self { workload, run_id: word(bytes, 16) })
    }
}

impl Entry {
    fn encode(&self) -> [u8; RECORD_BYTES] {
        let mut bytes = [0; RECORD_BYTES];
        bytes[0] = match self.fate {
            Fate::Acknowledged => 1,
            Fate::Unanswered => 2,
            Fate::Refused => 3,
        };
        bytes[4..8].copy_from_slice(&self.template.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.instance.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.base_unix_ns.to_le_bytes());
        seal(&mut bytes);
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let fate = match bytes[0] {
            1 => Fate::Acknowledged,
            2 => Fate::Unanswered,
            3 => Fate::Refused,
            _ => return None,
        };
        sealed(bytes).then(|| Self {
            fate,
            template: word(bytes, 0).wrapping_shr(32) as u32,
            instance: word(bytes, 8),
            base_unix_ns: word(bytes, 16),
        })
    }
}

/// Writes the checksum of all before it into the last four bytes.
fn seal(bytes: &mut [u8]) {
    let at = bytes.len() - 4;
    let sum = crc32fast::hash(&bytes[..at]);
    bytes[at..].copy_from_slice(&sum.to_le_bytes());
}

fn sealed(bytes: &[u8]) -> bool {
    let (data, sum) = bytes.split_at(bytes.len() - 4);
    crc32fast::hash(data).to_le_bytes() == sum
}

fn word(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;
