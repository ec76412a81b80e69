//! Owns what a person does about an error of the system: a clause for the sentence that names it.

use std::io;

/// What has to be done before a call can succeed that the system refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// The disk or the quota is full.
    Room,
    /// The file system takes no writes.
    Writable,
    /// The node may not.
    Rights,
    /// There is no such file or folder.
    Place,
    /// The process may not make files of this size.
    FileSize,
    /// The process has too many files open.
    Descriptors,
    /// The device failed.
    Device,
    /// There is no memory.
    Memory,
    /// The system says something else.
    Other,
}

impl Remedy {
    /// What helps against this error.
    pub(crate) fn of(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Room,
            io::ErrorKind::ReadOnlyFilesystem => Self::Writable,
            io::ErrorKind::PermissionDenied => Self::Rights,
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Self::Place,
            io::ErrorKind::FileTooLarge => Self::FileSize,
            io::ErrorKind::OutOfMemory => Self::Memory,
            _ => match error.raw_os_error() {
                Some(code::MFILE | code::NFILE) => Self::Descriptors,
                Some(code::IO) => Self::Device,
                _ => Self::Other,
            },
        }
    }

    /// What to do.
    pub(crate) fn advice(self) -> &'static str {
        match self {
            Self::Room => "make room on the disk",
            Self::Writable => {
                "the file system is mounted read-only: find out why (`dmesg` tells after an error of the disk), and mount it writable"
            }
            Self::Rights => "let the node read and write there",
            Self::Place => "correct the path, or make the folder",
            Self::FileSize => "raise the limit of file sizes (`ulimit -f`, LimitFSIZE=)",
            Self::Descriptors => "raise the limit of open files (`ulimit -n`, LimitNOFILE=)",
            Self::Device => "check the disk (`dmesg`)",
            Self::Memory => "give the node more memory, or lower memory_bytes_max",
            Self::Other => "make sure that the node can read and write there",
        }
    }

    /// Until when what the call was for must wait.
    pub(crate) fn until(self) -> &'static str {
        match self {
            Self::Room => "there is room",
            Self::Writable => "the file system is mounted writable",
            Self::Rights => "the node may write there",
            Self::Place => "the folder is there again",
            Self::FileSize => "larger files are allowed",
            Self::Descriptors => "more open files are allowed",
            Self::Device => "the disk is repaired",
            Self::Memory => "there is memory",
            Self::Other => "segments can be made again",
        }
    }
}

/// Codes of Linux that have no name in `std`.
mod code {
    pub(super) const IO: i32 = 5;
    pub(super) const NFILE: i32 = 23;
    pub(super) const MFILE: i32 = 24;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_of_the_system_has_its_remedy() {
        for (code, expected) in [
            (28, Remedy::Room),
            (122, Remedy::Room),
            (30, Remedy::Writable),
            (13, Remedy::Rights),
            (2, Remedy::Place),
            (20, Remedy::Place),
            (27, Remedy::FileSize),
            (24, Remedy::Descriptors),
            (23, Remedy::Descriptors),
            (5, Remedy::Device),
            (12, Remedy::Memory),
            (11, Remedy::Other),
        ] {
            assert_eq!(Remedy::of(&io::Error::from_raw_os_error(code)), expected, "{code}");
        }
    }
}
