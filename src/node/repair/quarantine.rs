//! Owns the folder where damaged files are put aside, whole, before anything is changed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use hyperion_runtime::files;
use hyperion_store::manifest::{Manifest, ManifestError};
use hyperion_store::mend;

use super::super::open_error::{OpenError, failed};
use super::EIO;

/// Folders of one second.
const SAME_SECOND_MAX: u32 = 1_000;

/// `DATA/quarantine/<time>`, new.
pub(super) struct Quarantine {
    data: PathBuf,
    pub(super) path: PathBuf,
}

impl Quarantine {
    /// Makes the folder.
    pub(super) fn new(data: &Path) -> Result<Self, OpenError> {
        let parent = data.join("quarantine");
        fs::create_dir_all(&parent).map_err(failed(&parent))?;
        let time = utc_text(SystemTime::now());
        for number in 1..=SAME_SECOND_MAX {
            let name = if number == 1 { time.clone() } else { format!("{time}-{number}") };
            let path = parent.join(name);
            match fs::create_dir(&path) {
                Ok(()) => {
                    files::sync_directory(&parent).map_err(failed(&parent))?;
                    files::sync_directory(data).map_err(failed(data))?;
                    return Ok(Self { data: data.to_path_buf(), path });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(failed(&path)(error)),
            }
        }
        Err(failed(&parent)(io::Error::other("too many repairs in one second")))
    }

    /// Copies a file of the data directory, under the same name, and syncs it. What the disk does not give is left out.
    pub(super) fn copy(&self, path: &Path) -> Result<PathBuf, OpenError> {
        let name = path.strip_prefix(&self.data).unwrap_or(path);
        let target = self.path.join(name);
        let folder = target.parent().unwrap_or(&self.path).to_path_buf();
        fs::create_dir_all(&folder).map_err(failed(&folder))?;
        if let Err(error) = fs::copy(path, &target) {
            if error.raw_os_error() != Some(EIO) {
                return Err(failed(&target)(error));
            }
            tracing::warn!(
                "{} cannot be read whole: {error}; what was read is kept",
                path.display()
            );
        }
        fs::File::open(&target).and_then(|file| file.sync_all()).map_err(failed(&target))?;
        files::sync_directory(&folder).map_err(failed(&folder))?;
        files::sync_directory(&self.path).map_err(failed(&self.path))?;
        Ok(target)
    }
}

/// Puts a manifest aside in which one bit is wrong and gives the right one; the caller writes it.
pub(in crate::node) fn mend_manifest(data: &Path, bytes: &[u8]) -> Result<Manifest, OpenError> {
    let Some(manifest) = mend::manifest(bytes) else {
        let error = ManifestError::Damaged("its checksum is wrong");
        return Err(OpenError::Manifest { path: data.to_path_buf(), error });
    };
    let kept = Quarantine::new(data)?.copy(&data.join("MANIFEST"))?;
    tracing::warn!(
        "one bit of MANIFEST was wrong and is mended; the damaged one is {}",
        kept.display()
    );
    Ok(manifest)
}

/// Such as `20261122T184501Z`.
fn utc_text(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (days, of_day) = (seconds / 86_400, seconds % 86_400);
    // Days are counted from March, in eras of 400 years: Hinnant, "chrono-compatible low-level date algorithms".
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn times_are_written_in_utc() {
        for (seconds, text) in [
            (0, "19700101T000000Z"),
            (951_782_399, "20000228T235959Z"),
            (951_782_400, "20000229T000000Z"),
            (951_868_800, "20000301T000000Z"),
            (1_767_225_599, "20251231T235959Z"),
            (4_107_542_400, "21000301T000000Z"),
        ] {
            assert_eq!(utc_text(UNIX_EPOCH + Duration::from_secs(seconds)), text, "{seconds}");
        }
    }
}
