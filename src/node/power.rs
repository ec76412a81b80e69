//! Owns BOOT in the data folder: since when the machine has been up on which the node runs. A start that finds another time than its own was
//! preceded by the end of the machine, not of the process alone, and what was not synced is lost.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use hyperion_runtime::files;

use crate::config::Durability;

const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// What a start knows of the end of the run before it.
#[derive(Debug)]
pub(crate) struct Power {
    path: PathBuf,
    /// What is written once all is there again.
    now: String,
    may_be_cut: AtomicBool,
    /// Cores whose groups have not all caught up.
    cores_left: AtomicUsize,
}

impl Power {
    /// Looks how the run before ended, and notes this one.
    ///
    /// Errors: those of the disk.
    pub(super) fn begin(folder: &Path, durability: Durability, cores: usize) -> io::Result<Self> {
        // Where the system does not tell, all its boots look the same.
        let boot = fs::read_to_string(BOOT_ID).unwrap_or_default();
        Self::begin_on(&boot, folder, durability, cores)
    }

    fn begin_on(
        boot: &str,
        folder: &Path,
        durability: Durability,
        cores: usize,
    ) -> io::Result<Self> {
        let path = folder.join("BOOT");
        let before = match fs::read_to_string(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            read => Some(read?),
        };
        let now = format!("{} {}\n", boot.trim(), durability.as_str());
        let may_be_cut = before.is_some_and(|before| {
            let (boot_before, durability_before) =
                before.trim().split_once(' ').unwrap_or_default();
            let was_synced = durability_before == Durability::Always.as_str();
            boot_before != boot.trim() && !(was_synced && durability == Durability::Always)
        });
        let power = Self {
            path,
            now,
            may_be_cut: AtomicBool::new(may_be_cut),
            cores_left: AtomicUsize::new(cores),
        };
        // Else the next start is to find what this one has found, unless all is there again by then.
        if !may_be_cut {
            power.note()?;
        }
        Ok(power)
    }

    /// Whether the logs may lack their ends, and did not have all of them again yet.
    pub(crate) fn may_be_cut(&self) -> bool {
        self.may_be_cut.load(Ordering::Acquire)
    }

    /// All groups of a core have caught up, said once by each. Gives `true` for the last one, which is to see to [`Power::note`].
    pub(super) fn core_has_all(&self) -> bool {
        self.cores_left.fetch_sub(1, Ordering::AcqRel) == 1
    }

    /// Writes down that the logs are whole as long as the machine is up; it is on the disk then.
    ///
    /// Errors: those of the disk.
    pub(super) fn note(&self) -> io::Result<()> {
        files::replace(&self.path, self.now.as_bytes())?;
        self.may_be_cut.store(false, Ordering::Release);
        Ok(())
    }

    /// The process ends and all is synced.
    ///
    /// Errors: those of the disk.
    pub(super) fn end(&self) -> io::Result<()> {
        if self.may_be_cut() { Ok(()) } else { fs::remove_file(&self.path) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boot_between_two_runs_is_found_until_all_is_there_again() {
        let folder = std::env::temp_dir().join(format!("hyperion-power-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let begin = |boot, durability| Power::begin_on(boot, &folder, durability, 2).unwrap();
        let (interval, always) = (Durability::Interval, Durability::Always);
        assert!(!begin("one", interval).may_be_cut(), "there was no run before");
        assert!(!begin("one", interval).may_be_cut(), "the process alone has ended");
        assert!(begin("two", interval).may_be_cut());
        let power = begin("two", interval);
        assert!(power.may_be_cut(), "it ended before it had caught up");
        power.end().unwrap();
        assert!(begin("two", interval).may_be_cut(), "and so it did in good order");
        assert!(!power.core_has_all() && power.core_has_all());
        power.note().unwrap();
        assert!(!power.may_be_cut() && !begin("two", interval).may_be_cut());
        power.end().unwrap();
        assert!(!begin("three", interval).may_be_cut(), "all was synced");
        assert!(begin("four", always).may_be_cut(), "the run before did not sync all");
        begin("four", always).note().unwrap();
        assert!(!begin("five", always).may_be_cut(), "all that was told was synced");
        fs::remove_dir_all(&folder).unwrap();
    }
}
