//! Owns the reading of files whose end was never written.
#![expect(unsafe_code, reason = "lseek has no safe wrapper that knows holes")]

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;

/// Reads a whole file into `memory`, which is zeros and as long as the file. What the file system knows to be a hole, or allocated and not
/// written, is left as it is, and its memory untouched.
///
/// Errors: those of reading; the file is shorter than `memory`.
pub fn read_data(file: &File, memory: &mut [u8]) -> io::Result<()> {
    if file.metadata()?.len() < memory.len() as u64 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let mut at = 0;
    while let Some(start) = seek(file, at, libc::SEEK_DATA)?.filter(|&start| start < memory.len()) {
        let end =
            seek(file, start, libc::SEEK_HOLE)?.map_or(memory.len(), |end| end.min(memory.len()));
        file.read_exact_at(&mut memory[start..end], start as u64)?;
        at = end;
    }
    Ok(())
}

/// Where the next data or hole begins from `at` on; none behind the last.
fn seek(file: &File, at: usize, what: libc::c_int) -> io::Result<Option<usize>> {
    let from = libc::off_t::try_from(at).map_err(io::Error::other)?;
    // SAFETY: the descriptor is open as long as `file` lives; no memory is passed.
    let found = unsafe { libc::lseek(file.as_raw_fd(), from, what) };
    match usize::try_from(found) {
        Ok(found) => Ok(Some(found)),
        Err(_) => {
            let error = io::Error::last_os_error();
            match error.raw_os_error() {
                Some(libc::ENXIO) => Ok(None),
                // A file system that knows no holes: all is data.
                Some(libc::EINVAL) => Ok((what == libc::SEEK_DATA).then_some(at)),
                _ => Err(error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::read_data;
    use std::os::unix::fs::FileExt;

    #[test]
    fn holes_are_zeros_and_data_is_data() {
        let path = std::env::temp_dir().join(format!("hyperion-holes-{}", std::process::id()));
        let file = std::fs::File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&path)
            .unwrap();
        std::fs::remove_file(&path).unwrap();
        let bytes = 1 << 20;
        let mut expected = vec![0; bytes];
        file.set_len(bytes as u64).unwrap();
        for (at, length, byte) in
            [(0, 10, 1), (300_001, 5000, 2), (700_000, 1, 3), (bytes - 1, 1, 4)]
        {
            expected[at..at + length].fill(byte);
            file.write_all_at(&expected[at..at + length], at as u64).unwrap();
            let mut memory = vec![0; bytes];
            read_data(&file, &mut memory).unwrap();
            assert!(memory == expected, "after {at}");
        }
        assert!(read_data(&file, &mut vec![0; bytes + 1]).is_err());
        let mut empty = vec![0; bytes];
        file.set_len(0).unwrap();
        file.set_len(bytes as u64).unwrap();
        read_data(&file, &mut empty).unwrap();
        assert!(empty.iter().all(|byte| *byte == 0));
    }
}
