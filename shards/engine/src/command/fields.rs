//! Owns the fields of hashes and the members of sets: how they are found and put in, packed or not.

use super::chance::Chance;
use crate::collection::few::{Few, Of};
use crate::collection::packed::Packed;
use crate::collection::{Cursor, Edit, Layout, Section, View};
use hyperion_store::{Found, Key, Store, StoreError, ValueType};

/// Bytes of a name's hash before it, where the collection is an object.
pub(super) const HASH_BYTES: usize = 8;

/// Bytes of an entry beside its name and its value, at most where it may be packed.
const ENTRY_HEAD_BYTES: usize = 12;

/// Draws with repeats that one command may ask for.
pub(super) const DRAWS_MAX: i64 = 1 << 20;

/// A hash of a name, the same in all versions: objects are in its order. Names made to collide slow down their own collection alone.
#[must_use]
#[inline]
pub(super) fn hash_of(name: &[u8]) -> u64 {
    const SEEDS: [u64; 3] = [0x9e37_79b9_7f4a_7c15, 0xbf58_476d_1ce4_e5b9, 0x94d0_49bb_1331_11eb];
    #[expect(clippy::cast_possible_truncation, reason = "both halves are taken")]
    let halves = |pair: u128| (pair as u64, (pair >> 64) as u64);
    let mix = |left: u64, right: u64| {
        let (low, high) = halves(u128::from(left) * u128::from(right));
        low ^ high
    };
    let mut hash = SEEDS[0] ^ name.len() as u64;
    let (pairs, rest) = name.as_chunks::<16>();
    for pair in pairs {
        let (left, right) = halves(u128::from_le_bytes(*pair));
        hash = mix(left ^ SEEDS[1], right ^ hash);
    }
    let (left, right) = words_of(rest);
    mix(mix(left ^ SEEDS[1], right ^ hash), SEEDS[2])
}

/// Fewer than 16 bytes as two words, little-endian, with zeros behind them. By loads that overlap, as a copy to where all are loaded at once waits for
/// its own stores.
#[inline(always)]
fn words_of(bytes: &[u8]) -> (u64, u64) {
    let shift = |missing: usize| 8 * u32::try_from(missing).expect("eight bytes at most");
    if let (Some(first), Some(last)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        let last = u64::from_le_bytes(*last).checked_shr(shift(16 - bytes.len()));
        return (u64::from_le_bytes(*first), last.unwrap_or(0));
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        let last = u64::from(u32::from_le_bytes(*last)) << 32 >> shift(8 - bytes.len());
        return (u64::from(u32::from_le_bytes(*first)) | last & !u64::from(u32::MAX), 0);
    }
    (bytes.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte)), 0)
}

/// A name as the key of its entry in an object.
pub(super) fn hashed(name: &[u8], out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(&hash_of(name).to_be_bytes());
    out.extend_from_slice(name);
}

/// Copies bytes to as many others; 8 to 32 of them, as names mostly have, without a call.
#[inline(always)]
fn copy(from: &[u8], to: &mut [u8]) {
    fn ends<const N: usize>(from: &[u8], to: &mut [u8]) -> Option<()> {
        let (first, last) = (from.first_chunk::<N>()?, from.last_chunk::<N>()?);
        *to.first_chunk_mut()? = *first;
        *to.last_chunk_mut()? = *last;
        Some(())
    }
    let done = match from.len() {
        8..=16 => ends::<8>(from, to),
        17..=32 => ends::<16>(from, to),
        _ => None,
    };
    if done.is_none() {
        to.copy_from_slice(from);
    }
}

/// Bytes of a key that lies on the stack, at most.
const SHORT_KEY_BYTES: usize = 72;

/// A name behind eight bytes, as the keys of entries in objects are, for the time of a look-up.
pub(super) struct ShortKey {
    short: [u8; SHORT_KEY_BYTES],
    bytes: usize,
    /// All of it, where it is longer.
    long: Vec<u8>,
}

impl ShortKey {
    /// No key yet.
    pub(super) const fn none() -> Self {
        Self { short: [0; SHORT_KEY_BYTES], bytes: 0, long: Vec::new() }
    }

    /// Becomes a name behind a word. What has just been written is slow to move, so who is in a hurry calls this, and not [`ShortKey::of`].
    #[inline]
    pub(super) fn set(&mut self, word: u64, name: &[u8]) {
        self.bytes = HASH_BYTES + name.len();
        if self.bytes > SHORT_KEY_BYTES {
            self.set_long(word, name);
        } else {
            self.short[..HASH_BYTES].copy_from_slice(&word.to_be_bytes());
            copy(name, &mut self.short[HASH_BYTES..self.bytes]);
        }
    }

    #[cold]
    fn set_long(&mut self, word: u64, name: &[u8]) {
        self.long.clear();
        self.long.reserve_exact(self.bytes);
        self.long.extend_from_slice(&word.to_be_bytes());
        self.long.extend_from_slice(name);
    }

    /// Becomes a name as the key of its entry in a section that is in the order of hashes.
    #[inline]
    pub(super) fn set_hashed(&mut self, name: &[u8]) {
        self.set(hash_of(name), name);
    }

    /// A name behind a word.
    #[inline]
    pub(super) fn of(word: u64, name: &[u8]) -> Self {
        let mut key = Self::none();
        key.set(word, name);
        key
    }

    /// A name as the key of its entry in a section that is in the order of hashes.
    #[inline]
    pub(super) fn hashed(name: &[u8]) -> Self {
        Self::of(hash_of(name), name)
    }

    #[inline]
    pub(super) fn get(&self) -> &[u8] {
        self.short.get(..self.bytes).unwrap_or(&self.long)
    }
}

/// The name in the key of an entry.
pub(super) fn name_of<'e>(view: &View<'_>, key: &'e [u8]) -> &'e [u8] {
    if view.is_packed() { key } else { &key[HASH_BYTES..] }
}

/// Finds a name.
pub(super) fn find(view: &View<'_>, section: Section, name: &[u8]) -> Option<Cursor> {
    if view.is_packed() {
        return view.find_linear(section, name);
    }
    let mut key = ShortKey::none();
    key.set_hashed(name);
    view.seek(section, key.get()).ok()
}

/// Finds a name in what an edit has made so far.
pub(super) fn find_in(edit: &Edit<'_, '_>, section: Section, name: &[u8]) -> Option<Cursor> {
    // What was unpacked in this edit is in the order of objects, and not one yet.
    if edit.is_packed() {
        return edit.view().find_linear(section, name);
    }
    edit.view().seek(section, ShortKey::hashed(name).get()).ok()
}

/// Sets the value of a name. `true`: the name is new.
pub(super) fn put(edit: &mut Edit<'_, '_>, section: Section, name: &[u8], value: &[u8]) -> bool {
    put_or_keep(edit, section, name, value, true)
}

/// Puts a name without a value in. `true`: it is new.
pub(super) fn add(edit: &mut Edit<'_, '_>, section: Section, name: &[u8]) -> bool {
    put_or_keep(edit, section, name, &[], false)
}

/// Makes an object of a packed collection.
pub(super) fn unpack(edit: &mut Edit<'_, '_>, section: Section) {
    let mut key = Vec::new();
    for (name, value) in edit.unpack(section) {
        hashed(&name, &mut key);
        let at = edit.view().seek(section, &key).map_or_else(|at| at, Some);
        edit.insert(section, at, &key, &value);
    }
}

/// Sets the value of one name of a collection that was just looked up, or, where `value` is `None`, puts it in without one if it is not there.
/// Gives whether it is new; `None`: nothing was done, it is for an edit.
pub(super) fn put_one(
    store: &mut Store,
    (key, found): (&Key<'_>, Option<&Found>),
    (value_type, section): (ValueType, Section),
    name: &[u8],
    value: Option<&[u8]>,
) -> Result<Option<bool>, StoreError> {
    let is_new = match found.filter(|found| store.is_in_chunks(found)) {
        None => store.rewrite_packed(key, found, value_type, |bytes, out| {
            put_packed(Packed::read(bytes, section)?, name, value, out)
        }),
        Some(large) if store.value_type(large) == value_type => {
            put_large(store, (key, large), section, name, value)
        }
        Some(_) => Ok(None),
    }?;
    if let (Some(false), Some(found), Some(_)) = (is_new, found, value) {
        // It may have been the same value, of which nothing is written.
        store.set_again(found);
    }
    Ok(is_new)
}

/// Whether a name that has the value `before` stays as it is.
fn is_kept(before: &[u8], value: Option<&[u8]>) -> bool {
    value.is_none_or(|value| value == before)
}

/// As [`put_one`], into a packed collection, which is written to `out`.
fn put_packed(
    packed: Packed<'_>,
    name: &[u8],
    value: Option<&[u8]>,
    out: &mut Vec<u8>,
) -> Option<bool> {
    let found = packed.find(name);
    if found.as_ref().is_some_and(|(_, before)| is_kept(before, value)) {
        return Some(false);
    }
    let value = value.unwrap_or_default();
    if packed.outgrows(name.len() + value.len(), &Layout::KEYED) {
        return None;
    }
    let is_new = found.is_none();
    let without = found.map(|(place, _)| place);
    let at = without.as_ref().map_or(packed.bytes(), |place| place.start);
    packed.write(out, without, (at, name, value));
    Some(is_new)
}

/// As [`put_one`], for several names of a collection that stays packed: gives how many are new.
pub(super) fn put_several<'n, E>(
    store: &mut Store,
    (key, found): (&Key<'_>, Option<&Found>),
    (value_type, section): (ValueType, Section),
    entries: &'n [E],
    of: impl Fn(&'n E) -> (&'n [u8], Option<&'n [u8]>) + Copy,
) -> Result<Option<usize>, StoreError> {
    let added = store.rewrite_packed(key, found, value_type, |bytes, out| {
        // What it is by now, and what it is next.
        let (mut now, mut next) = (Vec::new(), Vec::new());
        let mut added = 0;
        for (name, value) in entries.iter().map(of) {
            let packed = Packed::read(if now.is_empty() { bytes } else { &now }, section)?;
            added += usize::from(put_packed(packed, name, value, &mut next)?);
            if !next.is_empty() {
                std::mem::swap(&mut now, &mut next);
                next.clear();
            }
        }
        out.extend_from_slice(&now);
        Some(added)
    })?;
    let sets = || entries.iter().any(|entry| of(entry).1.is_some());
    if let (Some(found), true) = (found, added.is_some_and(|added| added < entries.len()) && sets())
    {
        // Some may have been the same values, of which nothing is written.
        store.set_again(found);
    }
    Ok(added)
}

/// As [`put_one`], into a large collection.
pub(super) fn put_large(
    store: &mut Store,
    (key, found): (&Key<'_>, &Found),
    section: Section,
    name: &[u8],
    value: Option<&[u8]>,
) -> Result<Option<bool>, StoreError> {
    // It is taken first, as the store is looked into from here on, and what is often given back whole is not much to do.
    let spare = store.take_spare_splices();
    let opened = Of::open(store, (key, found), &Layout::KEYED);
    let Some(of) = &opened else {
        store.keep_spare_splices(spare, std::iter::empty());
        return Ok(None);
    };
    let mut name_key = ShortKey::none();
    name_key.set_hashed(name);
    let name = &name_key;
    // What else it holds may tell of the name too.
    let is_alone = of.view().entries_all() == of.view().count(section);
    let place = if is_alone { of.view().seek(section, name.get()) } else { Err(None) };
    if let Ok(cursor) = place
        && of.view().has_value(cursor, |it| is_kept(it, value))
    {
        store.keep_spare_splices(spare, std::iter::empty());
        return Ok(Some(false));
    }
    let mut few = Few::new(spare);
    let value = value.unwrap_or_default();
    let is_done = match place {
        Ok(cursor) => few.replace(of, cursor, value),
        Err(Some(at)) => few.insert(of, (section, at), name.get(), value),
        Err(None) => None,
    };
    if is_done.is_none() {
        few.give_back(store);
        return Ok(None);
    }
    Ok(few.commit(store, found)?.then_some(place.is_err()))
}

fn put_or_keep(
    edit: &mut Edit<'_, '_>,
    section: Section,
    name: &[u8],
    value: &[u8],
    replaces: bool,
) -> bool {
    if edit.is_packed() {
        let found = edit.view().find_linear(section, name);
        if found.is_some() && !replaces {
            return false;
        }
        if !edit.outgrows(section, name.len() + value.len()) {
            match found {
                Some(cursor) => edit.replace(section, cursor, value),
                None => edit.push_back(section, name, value),
            }
            return found.is_none();
        }
        unpack(edit, section);
    }
    let key = ShortKey::hashed(name);
    match edit.view().seek(section, key.get()) {
        Ok(cursor) if replaces => {
            edit.replace(section, cursor, value);
            false
        }
        Ok(_) => false,
        Err(at) => {
            edit.insert(section, at, key.get(), value);
            true
        }
    }
}

/// Puts names with their values into a collection that has none, all at once. `false`: a name is there twice.
pub(super) fn build(edit: &mut Edit<'_, '_>, section: Section, entries: &[(&[u8], &[u8])]) -> bool {
    let key = |name: &[u8]| {
        let mut key = Vec::with_capacity(HASH_BYTES + name.len());
        hashed(name, &mut key);
        key
    };
    let mut keys: Vec<_> = entries.iter().map(|(name, value)| (key(name), *value)).collect();
    keys.sort_unstable();
    if keys.windows(2).any(|pair| pair[0].0 == pair[1].0) {
        return false;
    }
    let bytes: usize =
        entries.iter().map(|(name, value)| name.len() + value.len() + ENTRY_HEAD_BYTES).sum();
    let Layout { packed_bytes_max, packed_entries_max, .. } = Layout::KEYED;
    if bytes <= packed_bytes_max && entries.len() <= packed_entries_max {
        edit.insert_all(section, None, entries.iter().copied());
    } else {
        edit.unpack(section);
        edit.insert_all(section, None, keys.into_iter());
    }
    true
}

/// Places of entries by chance: `count` different ones, all if there are not more; `-count` with repeats where it is negative.
pub(super) fn choose(
    view: &View<'_>,
    section: Section,
    count: i64,
    chance: &mut Chance,
) -> Vec<Cursor> {
    let there = view.count(section);
    let wanted = count.unsigned_abs();
    let at = |index: u64| view.at(section, index).expect("it is below the count");
    if count < 0 {
        return (0..wanted).map(|_| at(chance.below(there))).collect();
    }
    if wanted >= there {
        return view.all(section).map(|(cursor, _)| cursor).collect();
    }
    if wanted > there / 8 {
        let chosen = chance.distinct(wanted, there);
        let mut chosen = chosen.into_iter().peekable();
        let all = view.all(section).map(|(cursor, _)| cursor).enumerate();
        return all
            .filter(|(index, _)| chosen.next_if_eq(&(*index as u64)).is_some())
            .map(|(_, cursor)| cursor)
            .collect();
    }
    chance.distinct(wanted, there).into_iter().map(at).collect()
}
