//! Owns long values: a chain of piece records that becomes visible with its head.

use crate::error::StoreError;
use crate::log::{Location, Log};
use crate::record::{Extras, Kind, read_u64_short};
use hyperion_model::collections::Map;

/// The pieces of one value, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chain {
    pub(crate) pieces: Vec<Location>,
    pub(crate) bytes: usize,
    /// A head claimed it during recovery, and its pieces count as live.
    counted: bool,
}

/// Bytes of a chain record's value: id u64, bytes u64, pieces u32.
pub(crate) const HEAD_BYTES: usize = 20;

/// Stands for a piece that has not been read yet.
const NO_PIECE: Location = Location::MAX;
/// Most pieces of a value: 512 MiB in the smallest segments.
const PIECES_MAX: usize = 1 << 17;

/// All chains of one core.
#[derive(Default)]
pub(crate) struct Chains {
    chains: Map<u64, Chain>,
}

/// What a chain record says.
pub(crate) fn read_head(value: &[u8]) -> Option<(u64, usize, usize)> {
    if value.len() != HEAD_BYTES {
        return None;
    }
    let bytes = usize::try_from(read_u64_short(&value[8..16])).ok()?;
    let pieces = usize::try_from(read_u64_short(&value[16..20])).ok()?;
    Some((read_u64_short(&value[..8]), bytes, pieces))
}

/// What a piece record's key says: chain and number.
pub(crate) fn read_piece_key(key: &[u8]) -> Option<(u64, u32)> {
    let (id, number) = key.split_at_checked(8)?;
    Some((read_u64_short(id), u32::from_le_bytes(number.try_into().ok()?)))
}

impl Chains {
    pub(crate) fn get(&self, id: u64) -> &Chain {
        self.chains.get(&id).expect("a chain record is indexed only with its chain")
    }

    /// Writes `value` as pieces and gives the value of the head that must follow. Nothing is kept when it fails.
    pub(crate) fn write(
        &mut self,
        log: &mut Log,
        value: &[&[u8]],
    ) -> Result<[u8; HEAD_BYTES], StoreError> {
        let id = log.lsn_next;
        let mut chain = Chain::default();
        let piece_bytes_max = log.record_value_bytes_max();
        let result =
            value.iter().flat_map(|part| part.chunks(piece_bytes_max)).try_for_each(|piece| {
                let number = u32::try_from(chain.pieces.len()).expect("fewer than 2^32 pieces");
                let mut key = [0; 12];
                key[..8].copy_from_slice(&id.to_le_bytes());
                key[8..].copy_from_slice(&number.to_le_bytes());
                let location = log.append(Kind::Piece, &Extras::default(), &key, &[piece])?;
                log.add_live(location, log.last_size);
                chain.pieces.push(location);
                chain.bytes += piece.len();
                Ok(())
            });
        if let Err(error) = result {
            chain.pieces.iter().for_each(|&location| log.remove_live(location));
            return Err(error);
        }
        let mut head = [0; HEAD_BYTES];
        head[..8].copy_from_slice(&id.to_le_bytes());
        head[8..16].copy_from_slice(&(chain.bytes as u64).to_le_bytes());
        let pieces = u32::try_from(chain.pieces.len()).expect("fewer than 2^32 pieces");
        head[16..].copy_from_slice(&pieces.to_le_bytes());
        chain.counted = true;
        self.chains.insert(id, chain);
        Ok(head)
    }

    /// A piece was read from the log, the first time or where the cleaner put it. It counts once its head is known to be live.
    pub(crate) fn replay_piece(&mut self, id: u64, number: u32, location: Location, bytes: usize) {
        let chain = self.chains.entry(id).or_default();
        let number = number as usize;
        if number >= PIECES_MAX {
            return;
        }
        if chain.pieces.len() <= number {
            chain.pieces.resize(number + 1, NO_PIECE);
        }
        if chain.pieces[number] == NO_PIECE {
            chain.bytes += bytes;
        }
        chain.pieces[number] = location;
    }

    /// Where a piece of a value lies.
    pub(crate) fn piece(&self, id: u64, number: u32) -> Option<Location> {
        self.chains.get(&id)?.pieces.get(number as usize).copied()
    }

    /// A piece has moved; the caller counts both places.
    pub(crate) fn move_piece(&mut self, id: u64, number: u32, location: Location) {
        if let Some(chain) = self.chains.get_mut(&id) {
            chain.pieces[number as usize] = location;
        }
    }

    /// Whether all pieces that a head names were read.
    pub(crate) fn is_whole(&self, id: u64, bytes: usize, pieces: usize) -> bool {
        self.chains.get(&id).is_some_and(|chain| {
            chain.bytes == bytes
                && chain.pieces.len() == pieces
                && !chain.pieces.contains(&NO_PIECE)
        })
    }

    /// Counts the pieces of a chain that was read from the log, once.
    pub(crate) fn count_live(&mut self, log: &mut Log, id: u64) {
        let Some(chain) = self.chains.get_mut(&id).filter(|chain| !chain.counted) else { return };
        chain.counted = true;
        for &location in &chain.pieces {
            let size = log.record(location).size;
            log.add_live(location, size);
        }
    }

    /// The value is gone.
    pub(crate) fn remove(&mut self, log: &mut Log, id: u64) {
        // Those that were only read from the log count nowhere.
        if let Some(chain) = self.chains.remove(&id).filter(|chain| chain.counted) {
            chain.pieces.iter().for_each(|&location| log.remove_live(location));
        }
    }

    /// Keeps only the chains for which `keep` holds; the pieces of the others were never counted.
    pub(crate) fn retain(&mut self, keep: impl Fn(u64) -> bool) {
        self.chains.retain(|&id, _| keep(id));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.chains.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.chains.clear();
    }
}
