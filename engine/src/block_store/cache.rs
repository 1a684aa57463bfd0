//! A cache with a limit in bytes that forgets what was not used for longest.

use std::hash::Hash;

use lru::LruCache;

/// The cache.
pub struct ByteCache<K: Hash + Eq, V> {
    entries: LruCache<K, (V, usize)>,
    bytes: usize,
    limit: usize,
    entries_max: usize,
}

impl<K: Hash + Eq, V: Clone> ByteCache<K, V> {
    /// An empty cache of at most `limit` bytes and so many entries.
    pub fn new(limit: usize, entries_max: usize) -> Self {
        Self { entries: LruCache::unbounded(), bytes: 0, limit, entries_max }
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// An entry, which then counts as used.
    pub fn get(&mut self, key: &K) -> Option<V> {
        self.entries.get(key).map(|(value, _)| value.clone())
    }

    /// Forgets the entries of these keys. Looks at all of them.
    pub fn remove_where(&mut self, is_one: impl Fn(&K) -> bool)
    where
        K: Clone,
    {
        let keys = self.entries.iter().map(|(key, _)| key).filter(|key| is_one(key));
        let keys: Vec<K> = keys.cloned().collect();
        keys.iter().for_each(|key| self.remove(key));
    }

    /// Forgets an entry.
    pub fn remove(&mut self, key: &K) {
        if let Some((_, bytes)) = self.entries.pop(key) {
            self.bytes -= bytes;
        }
    }

    /// Adds an entry of `bytes`, forgetting others; one that is too large is not kept at all.
    pub fn insert(&mut self, key: K, value: V, bytes: usize) {
        if bytes > self.limit {
            return;
        }
        self.bytes += bytes;
        if let Some((_, replaced)) = self.entries.put(key, (value, bytes)) {
            self.bytes -= replaced;
        }
        while self.bytes > self.limit || self.entries.len() > self.entries_max {
            let Some((_, (_, bytes))) = self.entries.pop_lru() else { break };
            self.bytes -= bytes;
        }
    }
}
