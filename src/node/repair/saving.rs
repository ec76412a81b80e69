//! Owns the repair: damaged files are put aside, a report is written, and what reads back is written anew as a sound log.
//!
//! The new segments belong to a new layout, which counts from the moment the manifest says so. Until then the damaged files are in
//! force: a crash on the way leaves them, and the next repair begins again.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use hyperion_runtime::files;

use super::super::listing;
use super::super::migrate::{Source, Written, rewrite};
use super::super::open::Data;
use super::super::open_error::{OpenError, failed};
use super::super::segment_files::segments_in;
use super::super::supply::{core_folder, segment_path};
use super::offline::{self, Offline};
use super::quarantine::Quarantine;
use super::replicas::{self, Belonging};
use super::report::report;

/// Saves what can be saved. Does nothing to sound data.
pub(in crate::node) fn repair(
    data: &mut Data,
    belonging: Option<&Belonging>,
    entropy: u64,
) -> Result<(), OpenError> {
    let mut cores = Vec::new();
    for core in 0..data.manifest.cores {
        cores.push(offline::read(&data.path, &data.manifest, core)?);
    }
    if !cores.iter().any(Offline::is_damaged) {
        tracing::info!("--repair found no damage");
        cores
            .into_iter()
            .flat_map(|core| core.store.into_memory())
            .for_each(hyperion_runtime::arena::release);
        return Ok(());
    }
    let quarantine = Quarantine::new(&data.path)?;
    for core in &cores {
        put_aside(core, &quarantine)?;
    }
    let time = quarantine.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let quarantined = |path: &Path| {
        path.strip_prefix(&data.path).map_or_else(|_| path.to_path_buf(), Path::to_path_buf)
    };
    let report = report(&time, &cores, quarantined);
    let report_path = quarantine.path.join("report.json");
    write_synced(&report_path, format!("{report:#}\n").as_bytes()).map_err(failed(&report_path))?;
    files::sync_directory(&quarantine.path).map_err(failed(&quarantine.path))?;
    tell(&cores, &report_path);
    if let Some(belonging) = belonging {
        let count = replicas::mark(&mut cores, data, belonging);
        tracing::warn!(
            "{count} groups that other nodes have too are taken anew from those: until then what was saved of them is not answered from, votes for nobody who has less than \
             another, and leads nothing unless all other copies were repaired too"
        );
    }
    // Files of a repair that did not come to its end must not be taken for this one's.
    let generations = cores.iter().map(|core| core.generation_max);
    let generation = generations.max().unwrap_or(0).max(data.manifest.generation) + 1;
    let bad: Vec<_> = cores.iter().flat_map(Offline::bad_paths).collect();
    let odd: Vec<_> = cores.iter().flat_map(Offline::odd_paths).collect();
    for path in cores.iter().flat_map(|core| &core.unused) {
        listing::remove_file(path).map_err(failed(path))?;
    }
    let sources = cores
        .into_iter()
        .map(|core| Source { store: core.store, recovered: core.recovered, next_id: core.next_id })
        .collect();
    let count = data.manifest.cores;
    // The start behind a repair reads its files as every start does.
    rewrite(data, sources, count, generation, entropy)?.into_iter().for_each(Written::release);
    // They are put aside, and what could be saved of them stands in the new segments.
    for path in bad {
        listing::remove_file(&path).map_err(failed(&path))?;
    }
    for path in odd {
        let name = path.strip_prefix(&data.path).unwrap_or(&path).display().to_string();
        let target = quarantine.path.join(name.replace('/', "-"));
        fs::rename(&path, &target).map_err(failed(&path))?;
    }
    // What was missing is not missed any more.
    for folder in (0..data.manifest.cores).map(|core| core_folder(&data.path, core)) {
        let there: Vec<u64> = segments_in(&folder)?.into_iter().map(|(id, _)| id).collect();
        listing::bring_up_to_date(&folder, &there).map_err(failed(&folder))?;
    }
    tracing::info!("the data is repaired");
    Ok(())
}

fn put_aside(core: &Offline, quarantine: &Quarantine) -> Result<(), OpenError> {
    let mut paths: Vec<_> = core.bad_paths().collect();
    let holes = core.recovered.holes.iter();
    paths.extend(holes.map(|hole| segment_path(&core.folder, hole.segment)));
    paths.sort();
    paths.dedup();
    paths.iter().try_for_each(|path| quarantine.copy(path).map(drop))
}

fn tell(cores: &[Offline], report: &Path) {
    for core in cores {
        for file in &core.bad_files {
            tracing::warn!("{}: {}", file.path.display(), file.what);
        }
        for hole in &core.recovered.holes {
            tracing::warn!(
                "{}: damaged from offset {} to {}: up to {} records are lost",
                segment_path(&core.folder, hole.segment).display(),
                hole.offset,
                hole.end,
                hole.records_max
            );
        }
    }
    let incomplete: usize = cores.iter().map(|core| core.recovered.incomplete.len()).sum();
    if incomplete > 0 {
        tracing::warn!("{incomplete} keys are not saved: parts of their long values are lost");
    }
    let lost: u64 = cores.iter().map(Offline::records_lost_max).sum();
    let keys: u64 = cores.iter().map(|core| core.store.figures().keys).sum();
    tracing::warn!(
        "{keys} keys are saved, up to {lost} records are lost; older versions of their keys, or deleted keys, may be back: {} tells which",
        report.display()
    );
}

fn write_synced(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
