use super::bucket::Bucket;
use super::*;
use std::collections::{BTreeMap, BTreeSet};

/// Keys are numbers; a key's location is the key and its hash is what `mix` makes of it.
fn mix(key: u64) -> u64 {
    let mut hash = key.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    hash = (hash ^ (hash >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash ^ (hash >> 32)
}

fn insert(index: &mut Index, pool: &mut IndexPool, key: u64, hash_at: impl Fn(u64) -> u64 + Copy) {
    index.insert(pool, hash_at(key), Entry::new(key, false, 0), hash_at, |_| {});
}

fn contains(index: &Index, pool: &IndexPool, key: u64, hash_at: impl Fn(u64) -> u64) -> bool {
    index.find(pool, hash_at(key), |location| location == key).is_some()
}

#[test]
fn each_tag_of_a_bucket_is_compared() {
    for tag in [0, 1, 0x7fff, 0x8000, 0xff00, 0xffff_u16] {
        for wanted in 0..256_u32 {
            let tags = std::array::from_fn(|at| if wanted >> at & 1 == 1 { tag } else { !tag });
            assert_eq!(alike::alike(&tags, tag), wanted, "{tags:x?} and {tag:x}");
        }
    }
}

#[test]
fn the_index_holds_what_a_set_holds() {
    let (mut pool, mut model) = (IndexPool::default(), BTreeSet::new());
    let mut index = Index::new(&mut pool);
    for step in 0..60_000_u64 {
        let key = mix(step) % 20_000;
        if step % 3 == 2 {
            let found = index.find(&pool, mix(key), |location| location == key);
            assert_eq!(found.is_some(), model.remove(&key), "step {step} key {key}");
            if let Some((spot, _)) = found {
                index.remove(&mut pool, spot);
            }
        } else if model.insert(key) {
            insert(&mut index, &mut pool, key, mix);
        }
    }
    assert_eq!(index.count(), model.len() as u64);
    for key in 0..20_000 {
        assert_eq!(contains(&index, &pool, key, mix), model.contains(&key), "key {key}");
    }
    assert_eq!(index.entries(&pool).map(Entry::location).collect::<BTreeSet<_>>(), model);
    index.dissolve(&mut pool);
    assert_eq!(pool.free.len(), pool.depths.len(), "every segment came back");
}

#[test]
fn a_walk_meets_every_key_that_stays_while_the_index_grows() {
    let mut pool = IndexPool::default();
    let mut index = Index::new(&mut pool);
    (0..3_000).for_each(|key| insert(&mut index, &mut pool, key, mix));
    let (mut met, mut cursor, mut next) = (BTreeMap::new(), Some(Cursor::default()), 3_000);
    while let Some(at) = cursor {
        cursor =
            index.walk(&pool, at, mix, |_, entry| *met.entry(entry.location()).or_insert(0) += 1);
        for _ in 0..7 {
            insert(&mut index, &mut pool, next, mix);
            next += 1;
        }
    }
    let missed = (0..3_000).filter(|key| !met.contains_key(key)).count();
    assert_eq!(missed, 0);
}

#[test]
fn keys_with_one_hash_are_all_kept() {
    let alike = |_| 0xdead_beef_dead_beef;
    let mut pool = IndexPool::default();
    let mut index = Index::new(&mut pool);
    (0..500).for_each(|key| insert(&mut index, &mut pool, key, alike));
    assert!((0..500).all(|key| contains(&index, &pool, key, alike)));
    let mut met = BTreeSet::new();
    let mut cursor = Some(Cursor::default());
    while let Some(at) = cursor {
        cursor = index.walk(&pool, at, alike, |_, entry| {
            met.insert(entry.location());
        });
    }
    assert_eq!(met.len(), 500);
    for key in (0..500).rev() {
        let (spot, _) =
            index.find(&pool, alike(key), |location| location == key).expect("still there");
        index.remove(&mut pool, spot);
    }
    assert_eq!(index.count(), 0);
}

#[test]
fn an_entry_keeps_its_parts_apart() {
    for (location, expires, access) in
        [(0, false, 0), ((1 << 40) - 1, true, 63), (1 << 39, false, 1), (5, true, 0)]
    {
        let entry = Entry::new(location, expires, access);
        let mut bucket = Bucket::EMPTY;
        bucket.set(0, 7, entry);
        bucket.set_overflow();
        assert_eq!(bucket.entry(0), entry);
        assert_eq!(
            (entry.location(), entry.expires(), entry.access()),
            (location, expires, access)
        );
        bucket.set_entry(0, entry.with_access(33));
        assert!(bucket.has_overflow());
        assert_eq!(bucket.entry(0).access(), 33);
        assert_eq!(bucket.entry(0).location(), location);
    }
}

/// What an insertion does is bounded: it splits a segment or two, and no memory is touched that nobody was told of long before.
#[test]
fn growth_is_a_segment_at_a_time_in_memory_that_was_told_of_ahead() {
    let mut pool = IndexPool::default();
    let mut index = Index::new(&mut pool);
    let (mut told, mut most) = (Vec::new(), 0);
    for key in 0..400_000 {
        let before = pool.depths.len();
        insert(&mut index, &mut pool, key, mix);
        most = most.max(pool.depths.len() - before);
        told.extend(std::iter::from_fn(|| pool.take_unbacked()));
        let newest = u32::try_from(pool.depths.len() - 1).expect("few");
        if newest >= 512 {
            let address = std::ptr::from_ref(pool.segment(newest)).addr();
            let lies_in =
                |block: &Unbacked| (block.address..block.address + block.bytes).contains(&address);
            assert!(told.iter().any(lies_in), "segment {newest} lies in no block that was told");
        }
        // Half a block is left when the next one is told of.
        let blocks = pool.depths.len().saturating_sub(256).div_ceil(512);
        assert_eq!(told.len(), blocks, "with {} segments", pool.depths.len());
    }
    assert!((1..=3).contains(&most), "{most} segments in one insertion");
    assert!(told.len() >= 3, "{} blocks", told.len());
    assert!(told.iter().all(|block| block.address.is_multiple_of(block.bytes)));
}
