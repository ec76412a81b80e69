//! Big anonymous memory for the life of the process.
#![expect(unsafe_code, reason = "mmap and madvise have no safe wrapper in std")]

use std::collections::BTreeMap;
use std::io;
use std::mem::MaybeUninit;
use std::sync::{Mutex, PoisonError};

/// Alignment of an arena: one huge page.
pub const ALIGNMENT_BYTES: usize = 2 << 20;

/// Zeroed anonymous memory, aligned to 2 MiB, that asks for huge pages. It is the caller's for good, or until [`release`].
///
/// Units: `bytes`, rounded up to whole huge pages in address space; the slice has exactly `bytes`.
/// Errors: the system has no such address space left, or `bytes` is 0.
pub fn allocate(bytes: usize) -> io::Result<&'static mut [u8]> {
    let whole = bytes.checked_next_multiple_of(ALIGNMENT_BYTES).filter(|_| bytes > 0);
    let mapped = whole.and_then(|whole| whole.checked_add(ALIGNMENT_BYTES));
    let (Some(whole), Some(mapped)) = (whole, mapped) else {
        let text = format!("an arena cannot have {bytes} bytes");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    };
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: a new mapping at an address of the kernel's choice touches nothing of ours.
    let base = unsafe { libc::mmap(std::ptr::null_mut(), mapped, protection, flags, -1, 0) };
    if base == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    let base: *mut u8 = base.cast();
    let before = base.align_offset(ALIGNMENT_BYTES);
    let after = mapped - before - whole;
    // SAFETY: `before` is at most the alignment, which was mapped in addition.
    let start = unsafe { base.add(before) };
    // SAFETY: `before + whole` is at most `mapped`.
    let end = unsafe { start.add(whole) };
    unmap(base, before);
    unmap(end, after);
    // SAFETY: the range is mapped and ours. Without huge pages it is slower, not wrong.
    unsafe { libc::madvise(start.cast(), whole, libc::MADV_HUGEPAGE) };
    ALLOCATED.lock().unwrap_or_else(PoisonError::into_inner).insert(start.addr(), bytes);
    // SAFETY: `bytes` zeroed bytes are mapped for the rest of the process and this is the one
    // reference to them.
    Ok(unsafe { std::slice::from_raw_parts_mut(start, bytes) })
}

/// What [`allocate`] gave and [`release`] has not taken: address and bytes.
static ALLOCATED: Mutex<BTreeMap<usize, usize>> = Mutex::new(BTreeMap::new());

/// Gives memory of [`allocate`] back to the system, whole.
///
/// Panics: when it is not just what `allocate` gave: memory of others must not be unmapped.
pub fn release(memory: &'static mut [u8]) {
    let (start, bytes) = (memory.as_mut_ptr(), memory.len());
    let known = ALLOCATED.lock().unwrap_or_else(PoisonError::into_inner).remove(&start.addr());
    assert!(known == Some(bytes), "{bytes} bytes at {start:p} are no arena");
    unmap(start, bytes.next_multiple_of(ALIGNMENT_BYTES));
}

/// Names an arena to the ring, beside the one reference to it.
#[derive(Clone, Copy, Debug)]
pub struct ArenaView {
    start: *const u8,
    bytes: usize,
}

impl ArenaView {
    /// Names `memory`.
    ///
    /// Panics: when it is not just what [`allocate`] gave.
    #[must_use]
    pub fn of(memory: &[u8]) -> ArenaView {
        let (start, bytes) = (memory.as_ptr(), memory.len());
        let known =
            ALLOCATED.lock().unwrap_or_else(PoisonError::into_inner).get(&start.addr()).copied();
        assert!(known == Some(bytes), "{bytes} bytes at {start:p} are no arena");
        ArenaView { start, bytes }
    }

    /// Its size.
    #[must_use]
    pub fn bytes(self) -> usize {
        self.bytes
    }

    pub(crate) fn pointer(self) -> *const u8 {
        self.start
    }
}

/// Has the system back all of `memory` with pages now; the contents stay.
///
/// Errors: there is not enough memory.
pub fn populate(memory: &mut [u8]) -> io::Result<()> {
    let page = 4096;
    let begin = memory.as_mut_ptr();
    let skip = begin.align_offset(page).min(memory.len());
    let whole = (memory.len() - skip) / page * page;
    // SAFETY: the range lies within `memory`.
    let start = unsafe { begin.add(skip) };
    // SAFETY: the range is whole pages of `memory`; the call keeps what they hold.
    let result = unsafe { libc::madvise(start.cast(), whole, libc::MADV_POPULATE_WRITE) };
    if result == 0 {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    match error.raw_os_error() {
        // Kernels before 5.14, or memory that is not anonymous: a write to each page does the same.
        Some(libc::EINVAL) => {
            for at in (0..memory.len()).step_by(page) {
                // SAFETY: `at` is inside `memory`, which we have alone.
                let byte = unsafe { begin.add(at) };
                // SAFETY: as above; volatile, so that the writes are not left out.
                let value = unsafe { byte.read_volatile() };
                // SAFETY: as above.
                unsafe { byte.write_volatile(value) };
            }
            Ok(())
        }
        _ => Err(error),
    }
}

/// Has the system back `bytes` at `address` with huge pages, if it can, ahead of their first use by another thread: a hint, and what
/// they hold stays, whoever has them. Where the system knows no such call, or has no memory, their first use is slower.
pub fn back(address: usize, bytes: usize) {
    let skip = (address.next_multiple_of(4096) - address).min(bytes);
    let (address, bytes) = (address + skip, bytes - skip);
    ask_huge(address, bytes);
    let start: *mut libc::c_void = std::ptr::without_provenance_mut(address);
    // SAFETY: the advice changes no byte of any mapping, and nothing where there is none: pages that are there stay as they are, others become zeros, as their first use would make them.
    unsafe { libc::madvise(start, bytes, libc::MADV_POPULATE_WRITE) };
}

/// Asks for huge pages for `bytes` at `address`, whoever touches them first: the cheap half of [`back`].
pub fn ask_huge(address: usize, bytes: usize) {
    let start: *mut libc::c_void = std::ptr::without_provenance_mut(address);
    // SAFETY: the advice changes no byte of any mapping, and nothing where there is none.
    unsafe { libc::madvise(start, bytes, libc::MADV_HUGEPAGE) };
}

/// Gives the pages that lie whole in `memory` back to the system; the memory stays the caller's, and costs nothing until it is written again.
pub fn discard(memory: &mut [MaybeUninit<u8>]) {
    let page = 4096;
    let begin = memory.as_mut_ptr();
    let skip = begin.align_offset(page).min(memory.len());
    let whole = (memory.len() - skip) / page * page;
    // SAFETY: the range lies within `memory`.
    let start = unsafe { begin.add(skip) };
    // SAFETY: the range is whole pages of `memory`, which the caller has alone and takes for unwritten.
    unsafe { libc::madvise(start.cast(), whole, libc::MADV_DONTNEED) };
}

/// As [`discard`], for memory of [`allocate`]: the pages that lie whole in it hold zeros from now on.
pub fn forget(memory: &mut [u8]) {
    let bytes = memory.len();
    let start: *mut MaybeUninit<u8> = memory.as_mut_ptr().cast();
    // SAFETY: the same bytes, which may hold anything; anonymous pages that are given back read as zeros, so they are bytes as before.
    discard(unsafe { std::slice::from_raw_parts_mut(start, bytes) });
}

fn unmap(start: *mut u8, bytes: usize) {
    if bytes > 0 {
        // SAFETY: the range is part of the mapping just made, and no reference to it exists.
        unsafe { libc::munmap(start.cast(), bytes) };
    }
}

#[cfg(test)]
mod tests {
    use super::{ALIGNMENT_BYTES, allocate, back, discard, forget, populate, release};

    #[test]
    fn discarding_takes_nothing_but_what_is_spare() {
        let mut memory: Vec<u8> = Vec::with_capacity(1 << 20);
        memory.extend_from_slice(&[7; 10_000]);
        discard(memory.spare_capacity_mut());
        assert!(memory.iter().all(|byte| *byte == 7));
        memory.resize(1 << 20, 8);
        assert!(memory[10_000..].iter().all(|byte| *byte == 8));
        discard(&mut []);
    }

    #[test]
    fn what_is_forgotten_is_zeros() {
        let memory = allocate(ALIGNMENT_BYTES).unwrap();
        memory.fill(7);
        forget(&mut memory[5_000..]);
        assert!(memory[..8_192].iter().all(|byte| *byte == 7));
        assert!(memory[8_192..].iter().all(|byte| *byte == 0));
        forget(&mut []);
        release(memory);
    }

    #[test]
    fn backing_memory_keeps_what_it_holds() {
        let memory = allocate(ALIGNMENT_BYTES).unwrap();
        memory[5000] = 7;
        back(memory.as_ptr().addr(), memory.len());
        assert_eq!(memory[5000], 7);
        assert!(memory[5001..].iter().all(|byte| *byte == 0));
        // Nothing lies there, and nothing happens.
        back(0, ALIGNMENT_BYTES);
        release(memory);
    }

    #[test]
    fn arenas_are_aligned_zero_and_populated() {
        for bytes in [1, 4096, ALIGNMENT_BYTES - 1, ALIGNMENT_BYTES, 3 * ALIGNMENT_BYTES + 5] {
            let memory = allocate(bytes).unwrap();
            assert_eq!(memory.len(), bytes);
            assert_eq!(memory.as_ptr().align_offset(ALIGNMENT_BYTES), 0, "{bytes}");
            memory[bytes - 1] = 7;
            populate(memory).unwrap();
            populate(&mut memory[bytes / 2..]).unwrap();
            assert_eq!(memory[bytes - 1], 7);
            assert!(memory[..bytes - 1].iter().all(|byte| *byte == 0), "{bytes}");
            release(memory);
        }
        for bytes in [0, usize::MAX, usize::MAX - ALIGNMENT_BYTES] {
            assert!(allocate(bytes).is_err(), "{bytes}");
        }
    }
}
