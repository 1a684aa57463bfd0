use super::*;
use crate::tenant::TenantId;
use stringendo_block::BlockMeta;
use stringendo_cache::{BreakerOptions, CommonOptions, MemcachedOptions};

fn client() -> Arc<Client> {
    let breaker = BreakerOptions { failures: 1, pause: Duration::ZERO, interval: Duration::ZERO };
    let options = MemcachedOptions {
        addresses: "127.0.0.1:1".to_owned(),
        connect_timeout: Duration::from_secs(1),
        idle_connections_max: 1,
        update_interval: Duration::from_secs(60),
        breaker,
        tls: None,
    };
    let timeout = Duration::from_secs(1);
    let common = CommonOptions { timeout, item_bytes_max: 10, ttl: Duration::ZERO };
    Arc::new(Client::memcached(options, common))
}

/// Nothing is written by itself, since no task is started.
fn caches(roles: Vec<CacheRole>, level: u32, age: Duration, waiting_max: usize) -> OuterCaches {
    let budget = Budget::new(1 << 30);
    let cache = OuterCache {
        client: client(),
        name: "c".to_owned(),
        roles,
        compaction_level_min: level,
        block_age_max: age,
    };
    let by_role = CacheRole::ALL.map(|role| cache.roles.contains(&role).then_some(0));
    OuterCaches {
        caches: vec![cache],
        by_role,
        clock: Clock::Fixed(100_000_000_000),
        metrics: Metrics::default(),
        doubted: RefCell::new(LruCache::new(DOUBTED_MAX)),
        warned: Cell::default(),
        waiting: RefCell::default(),
        waiting_bytes: Cell::new(0),
        waiting_max,
        waiting_bytes_max: 100,
        charge: RefCell::new(budget.charge(Use::Cache, 0)),
        work: Notify::new(),
    }
}

fn block(level: u32, end_unix_nanos: u64) -> BlockEntry {
    let tenant = TenantId::parse("a-tenant").unwrap();
    let meta =
        BlockMeta { block_id: Uuid::from_u128(7), compaction_level: level, ..BlockMeta::default() };
    BlockEntry { end_unix_nanos, ..BlockEntry::new(tenant, meta) }
}

fn wanted(block: &BlockEntry, role: CacheRole, part: Part) -> Wanted<'_> {
    Wanted { role, block, object: "data.parquet", part }
}

#[test]
fn keys_name_the_tenant_the_block_the_object_and_the_part() {
    let caches = caches(vec![CacheRole::ParquetPage], 0, Duration::ZERO, 1);
    let block = block(0, 0);
    let key = |part| caches.place_of(&wanted(&block, CacheRole::ParquetPage, part)).unwrap().1;
    let front = format!("stringendo:2:a-tenant:{}:data.parquet", block.meta.block_id);
    assert_eq!(key(Part::Whole), front);
    assert_eq!(key(Part::Range(3, 9)), format!("{front}:3-9"));
    assert_eq!(key(Part::Checked(3, 9, 255)), format!("{front}:3-9:000000ff"));
}

#[test]
fn only_roles_levels_and_ages_of_the_cache_are_asked() {
    let caches = caches(vec![CacheRole::Bloom], 1, Duration::from_secs(10), 1);
    let asks =
        |block: &BlockEntry, role| caches.place_of(&wanted(block, role, Part::Whole)).is_some();
    assert!(asks(&block(1, 95_000_000_000), CacheRole::Bloom));
    assert!(!asks(&block(1, 95_000_000_000), CacheRole::ParquetPage));
    assert!(!asks(&block(0, 95_000_000_000), CacheRole::Bloom));
    assert!(!asks(&block(1, 85_000_000_000), CacheRole::Bloom));
}

#[test]
fn writes_that_wait_are_limited_in_number_and_bytes_and_charged() {
    let write = |bytes| Write { cache: 0, key: String::new(), value: vec![0; bytes].into() };
    let few = caches(vec![CacheRole::Bloom], 0, Duration::ZERO, 1);
    few.write_later(write(1));
    few.write_later(write(1));
    assert_eq!((few.waiting.borrow().len(), few.charge.borrow().bytes()), (1, 1));
    let small = caches(vec![CacheRole::Bloom], 0, Duration::ZERO, 10);
    small.write_later(write(60));
    small.write_later(write(60));
    assert_eq!((small.waiting.borrow().len(), small.charge.borrow().bytes()), (1, 60));
    let dropped = small.metrics.snapshot().into_iter();
    assert!(dropped.into_iter().any(|s| s.family.name == family::CACHE_WRITES_DROPPED.name));
}

#[test]
fn a_value_is_used_only_as_it_was_written_and_under_its_own_key() {
    let value = Bytes::from_static(b"some filter");
    let stored = sealed("a", &value);
    assert_eq!(opened("a", stored.clone()), Some(value));
    assert_eq!(opened("b", stored.clone()), None);
    for at in 0..stored.len() {
        let mut other = stored.to_vec();
        other[at] ^= 1;
        assert_eq!(opened("a", other.into()), None, "{at}");
        assert_eq!(opened("a", stored.slice(..at)), None, "{at}");
    }
}
