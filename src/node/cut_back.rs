//! Owns ends of logs that rest on what another core's log has lost: after a power cut they are taken away before any core goes on.

use std::os::unix::fs::FileExt;

use hyperion_model::CoreId;
use hyperion_runtime::arena;
use hyperion_store::{BatchPlace, Ending, Recovered, Store, cuts};

use super::migrate::Source;
use super::open::{Data, Loaded};
use super::open_error::{OpenError, failed};
use super::segment_files::open_segment;
use super::supply::{core_folder, segment_path};

/// A core's data as it was read.
pub(super) trait Read {
    fn recovered(&mut self) -> &mut Recovered;
    fn into_store(self) -> Store;
}

impl Read for Loaded {
    fn recovered(&mut self) -> &mut Recovered {
        &mut self.recovered
    }

    fn into_store(self) -> Store {
        self.store
    }
}

impl Read for Source {
    fn recovered(&mut self) -> &mut Recovered {
        &mut self.recovered
    }

    fn into_store(self) -> Store {
        self.store
    }
}

/// Takes the end away from those of `cores` (all of the node, in order) that rest on what is lost, and reads them again.
///
/// Errors: the disk does not take it, or what `again` gives.
pub(super) fn cut_all_back<T: Read>(
    data: &Data,
    cores: &mut [T],
    again: impl Fn(CoreId) -> Result<T, OpenError>,
) -> Result<(), OpenError> {
    let endings: Vec<&Ending> = cores.iter_mut().map(|core| &core.recovered().ending).collect();
    let cuts = cuts(&endings);
    for (core, cut) in (0..).map(CoreId).zip(&cuts) {
        cut.iter().try_for_each(|cut| make_void(data, core, cut))?;
    }
    for ((core, read), cut) in (0..).map(CoreId).zip(cores).zip(cuts) {
        if cut.is_some() {
            read_again(read, || again(core))?;
        }
    }
    Ok(())
}

/// Ends a core's log before a batch; it is on the disk afterwards.
pub(super) fn make_void(data: &Data, core: CoreId, place: &BatchPlace) -> Result<(), OpenError> {
    let path = segment_path(&core_folder(&data.path, core.0), place.segment);
    tracing::warn!(
        "core {}: from segment {} at {} on the log rests on what another core lost in the power cut; it ends there",
        core.0,
        place.segment,
        place.offset
    );
    let file = open_segment(&path)?;
    file.write_all_at(&BatchPlace::VOID, place.offset)
        .and_then(|()| file.sync_data())
        .map_err(failed(&path))
}

/// Takes what is read anew in the place of what is in memory. LSNs that were seen are not given again.
pub(super) fn read_again<T: Read>(
    read: &mut T,
    again: impl FnOnce() -> Result<T, OpenError>,
) -> Result<(), OpenError> {
    let mut before = std::mem::replace(read, again()?);
    let (seen, lsn_next) = (before.recovered().lsn_next, &mut read.recovered().lsn_next);
    *lsn_next = seen.max(*lsn_next);
    before.into_store().into_memory().for_each(arena::release);
    Ok(())
}
