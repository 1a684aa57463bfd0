//! Of several servers that keep their blocks in one bucket, one merges and deletes blocks: the
//! keeper.
//!
//! An object beside the tenants has the keeper's name, and the keeper writes it again with every
//! plan. Who reads the same there for ten plans takes its place: it writes its own name, and is the
//! keeper if that is still there at the next plan. Only what one process sees with its own clock
//! counts. A keeper that could not write its name for half of that time stops by itself; one that
//! ends in order removes it.
//!
//! From: [`super::conductor`], before each plan. To: the same; to jobs before they publish, and to
//! [`crate::retention`], as [`Tenure`].
//!
//! This spares servers to do the same work twice. What keeps every span there, and once, is that a
//! merged block names its inputs ([`super::superseded`]): stores may be slow, so for a moment two
//! processes may take themselves for the keeper.

use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use stringendo_ring::file::whole;
use uuid::Uuid;

use crate::metrics::families as family;
use crate::node::Node;

/// The object with the keeper's name. Tempo looks at directories only.
const OBJECT: &str = "stringendo-keeper.json";
const OBJECT_BYTES_MAX: u64 = 4096;
/// The file beside the log by which a server knows its name again after a restart.
const FILE: &str = "keeper";
/// After so many plans without a sign of life another one takes the keeper's place…
const PLANS: u32 = 10;
/// …and not before so long.
const LAPSE_MIN: Duration = Duration::from_secs(2);

/// Until when this process may merge and delete blocks.
#[derive(Clone, Debug)]
pub struct Tenure {
    /// Nanoseconds of the process's clock.
    until: Arc<AtomicU64>,
}

impl Default for Tenure {
    /// For ever: nobody else has the blocks.
    fn default() -> Self {
        Self { until: Arc::new(AtomicU64::new(u64::MAX)) }
    }
}

impl Tenure {
    /// Whether it still lasts.
    pub fn lasts(&self, now: Duration) -> bool {
        nanos(now) < self.until.load(Ordering::Acquire)
    }

    fn set(&self, until: Duration) {
        self.until.store(nanos(until), Ordering::Release);
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// What the object says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Name {
    /// Of a server, also after a restart.
    server: Uuid,
    /// Of a process.
    process: Uuid,
    /// How often it was written.
    count: u64,
}

impl Name {
    fn to_json(self) -> Bytes {
        let Self { server, process, count } = self;
        json!({"server": server.to_string(), "process": process.to_string(), "count": count})
            .to_string()
            .into()
    }

    /// `None` if it is not what a server writes.
    fn parse(json: &[u8]) -> Option<Self> {
        let json: serde_json::Value = serde_json::from_slice(json).ok()?;
        let id = |key: &str| Uuid::try_parse(json[key].as_str()?).ok();
        let count = json["count"].as_u64()?;
        Some(Self { server: id("server")?, process: id("process")?, count })
    }
}

/// Knows whether this process is the keeper.
pub struct Keeper {
    node: Node,
    own: Name,
    /// Whether the name is the one of before a restart.
    is_known: bool,
    /// What was there when it was last looked at, and since when.
    seen: Option<(Name, Duration)>,
    keeps: bool,
}

impl Keeper {
    /// On core 0. Until it has looked it does not keep a bucket.
    pub fn new(node: Node) -> Self {
        if node.shard().store.backend().store().is_some() {
            node.shard().keeping.tenure.set(Duration::ZERO);
        }
        let own = Name { server: Uuid::nil(), process: Uuid::new_v4(), count: 0 };
        Self { node, own, is_known: false, seen: None, keeps: false }
    }

    /// Whether this process is to merge and delete blocks, as is known now. To be asked with every
    /// plan. A directory has no keeper but the one server that has it.
    pub async fn keeps(&mut self) -> bool {
        let shard = std::rc::Rc::clone(self.node.shard());
        if shard.store.backend().store().is_some() {
            let begun = shard.now();
            match self.look(begun).await {
                Ok(true) => shard.keeping.tenure.set(begun + self.lapse() / 2),
                Ok(false) => shard.keeping.tenure.set(Duration::ZERO),
                // What was known holds as long as it may.
                Err(error) => tracing::warn!(%error, "the keeper of the bucket is not known"),
            }
        }
        let keeps = shard.keeping.tenure.lasts(shard.now());
        if keeps != self.keeps {
            let who = if keeps { "this server" } else { "another server" };
            tracing::info!("{who} merges and deletes blocks from now on");
        }
        self.keeps = keeps;
        shard.metrics.set(&family::COMPACTION_KEEPER, &[], f64::from(u8::from(keeps)));
        keeps
    }

    /// Gives the place up, if this process has it: nobody need wait until it seems dead.
    pub async fn leave(&mut self) {
        let shard = std::rc::Rc::clone(self.node.shard());
        let backend = shard.store.backend();
        if backend.store().is_none() {
            return;
        }
        shard.keeping.tenure.set(Duration::ZERO);
        let left = match self.read().await {
            Ok(Some(found)) if found.process == self.own.process => {
                tracing::info!("another server may merge and delete blocks now");
                backend.delete_root_object(OBJECT).await
            }
            found => found.map(|_| ()),
        };
        if let Err(error) = left {
            tracing::warn!(%error, "the keeper's place could not be given up");
        }
    }

    fn lapse(&self) -> Duration {
        (self.node.settings().compaction.cycle * PLANS).max(LAPSE_MIN)
    }

    async fn look(&mut self, now: Duration) -> io::Result<bool> {
        self.know_own_name().await;
        let Some(found) = self.read().await? else {
            self.write().await?;
            return Ok(false);
        };
        if found.process == self.own.process {
            self.write().await?;
            return Ok(true);
        }
        let is_first = self.seen.is_none();
        let since = self.seen.filter(|(seen, _)| *seen == found).map_or(now, |(_, since)| since);
        self.seen = Some((found, since));
        // The process before this one has gone.
        let was_own = is_first && found.server == self.own.server;
        if was_own || now.saturating_sub(since) >= self.lapse() {
            self.write().await?;
        }
        Ok(false)
    }

    async fn read(&self) -> io::Result<Option<Name>> {
        let backend = self.node.shard().store.backend();
        match backend.read_root_object(OBJECT, OBJECT_BYTES_MAX).await {
            Ok(json) => Ok(Name::parse(&json)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn write(&mut self) -> io::Result<()> {
        self.own.count += 1;
        let backend = self.node.shard().store.backend();
        backend.write_root_object(OBJECT, self.own.to_json()).await
    }

    /// Reads the server's name, or makes one.
    async fn know_own_name(&mut self) {
        if self.is_known {
            return;
        }
        self.is_known = true;
        match own_name(&self.node.settings().wal_path).await {
            Ok(name) => self.own.server = name,
            Err(error) => {
                self.own.server = Uuid::new_v4();
                tracing::warn!(
                    %error,
                    "this server will not know after a restart that it keeps the bucket"
                );
            }
        }
    }
}

async fn own_name(wal_path: &Path) -> io::Result<Uuid> {
    let path = wal_path.join(FILE);
    match whole::read(&path, OBJECT_BYTES_MAX).await {
        Ok(text) => {
            let name = Uuid::try_parse_ascii(text.trim_ascii());
            name.map_err(|error| io::Error::new(ErrorKind::InvalidData, error))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let name = Uuid::new_v4();
            whole::write_durable(&path, name.to_string()).await?;
            Ok(name)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
#[path = "keeper_tests.rs"]
mod tests;
