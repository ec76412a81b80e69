//! Receive buffers that the kernel picks from: one allocation, and the ring of those that are free.
#![expect(unsafe_code, reason = "the kernel writes the buffers and reads the ring of free ones")]

use std::{
    alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error},
    cell::Cell,
    io,
    ops::Deref,
    sync::atomic::{AtomicU16, Ordering},
};

use io_uring::{IoUring, types::BufRingEntry};

use crate::limits::RECEIVE_BUFFERS_FIRST;

/// Alignment of both allocations: the kernel asks for whole pages.
const PAGE_BYTES: usize = 4096;

/// The buffers of one core. They must outlive every receive of the ring they are registered with.
pub(crate) struct ReceiveBuffers {
    entries: *mut BufRingEntry,
    entries_layout: Layout,
    memory: *mut u8,
    memory_layout: Layout,
    count: u16,
    bytes: u32,
    tail: Cell<u16>,
    /// How many of them the kernel has been given; the rest was never touched.
    in_use: Cell<u16>,
}

/// One filled buffer; goes back to the kernel on drop.
pub(crate) struct Lent<'a> {
    buffers: &'a ReceiveBuffers,
    id: u16,
    length: usize,
}

impl ReceiveBuffers {
    /// Allocates `count` buffers of `bytes` and registers them with `ring` as group 0.
    pub(crate) fn new(ring: &IoUring, count: u16, bytes: u32) -> io::Result<ReceiveBuffers> {
        let layout = |bytes: usize| {
            Layout::from_size_align(bytes, PAGE_BYTES).map_err(|_| io::ErrorKind::InvalidInput)
        };
        let entries_layout = layout(usize::from(count) * size_of::<BufRingEntry>())?;
        let memory_layout = layout(usize::from(count) * bytes as usize)?;
        let buffers = ReceiveBuffers {
            entries: allocate(entries_layout).cast(),
            entries_layout,
            memory: allocate(memory_layout),
            memory_layout,
            count,
            bytes,
            tail: Cell::new(0),
            in_use: Cell::new(0),
        };
        // SAFETY: both allocations live until `drop`; `Io` drains the ring before it drops them, or
        // leaks them.
        unsafe {
            ring.submitter().register_buf_ring_with_flags(buffers.entries as u64, count, 0, 0)?;
        }
        buffers.give_first(count.min(RECEIVE_BUFFERS_FIRST));
        Ok(buffers)
    }

    /// Gives the kernel some more, because it found none free; `false`: it has all of them.
    pub(crate) fn give_more(&self) -> bool {
        let before = self.in_use.get();
        self.give_first(before.saturating_add(RECEIVE_BUFFERS_FIRST).min(self.count));
        self.in_use.get() > before
    }

    /// Sees to it that the kernel has been given so many.
    fn give_first(&self, count: u16) {
        (self.in_use.get()..count).for_each(|id| self.give(id));
        self.in_use.set(count);
    }

    /// The buffer that a completion named, with the bytes it says were written.
    pub(crate) fn lend(&self, id: u16, length: usize) -> Lent<'_> {
        assert!(id < self.count, "the kernel named buffer {id} of {}", self.count);
        assert!(length <= self.bytes as usize, "the kernel filled {length} of {}", self.bytes);
        Lent { buffers: self, id, length }
    }

    fn at(&self, id: u16) -> *mut u8 {
        // SAFETY: `id` is below `count`: checked in `lend`, counted in `new`.
        unsafe { self.memory.add(usize::from(id) * self.bytes as usize) }
    }

    /// Puts a buffer at the end of the ring of free ones.
    fn give(&self, id: u16) {
        let tail = self.tail.get();
        // SAFETY: the mask keeps the place inside the allocation of `count` entries.
        let place = unsafe { self.entries.add(usize::from(tail & (self.count - 1))) };
        // SAFETY: the kernel reads a place only after the tail has passed it, and holds at most
        // `count`.
        let entry = unsafe { &mut *place };
        entry.set_addr(self.at(id) as u64);
        entry.set_len(self.bytes);
        entry.set_bid(id);
        self.tail.set(tail.wrapping_add(1));
        // SAFETY: `entries` is the base that was registered.
        let shared = unsafe { BufRingEntry::tail(self.entries) };
        // SAFETY: the tail is a u16 in our allocation that both sides access as an atomic.
        let shared = unsafe { AtomicU16::from_ptr(shared.cast_mut()) };
        shared.store(self.tail.get(), Ordering::Release);
    }
}

impl Drop for ReceiveBuffers {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` with this layout.
        unsafe { dealloc(self.entries.cast(), self.entries_layout) };
        // SAFETY: as above.
        unsafe { dealloc(self.memory, self.memory_layout) };
    }
}

impl Deref for Lent<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: the kernel filled `length` bytes and leaves the buffer alone until `drop` gives
        // it back.
        unsafe { std::slice::from_raw_parts(self.buffers.at(self.id), self.length) }
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        self.buffers.give(self.id);
    }
}

fn allocate(layout: Layout) -> *mut u8 {
    // SAFETY: the options forbid zero buffers and zero bytes, so the layout is not empty.
    let memory = unsafe { alloc_zeroed(layout) };
    if memory.is_null() {
        handle_alloc_error(layout);
    }
    memory
}

#[cfg(test)]
mod tests {
    use io_uring::IoUring;

    use super::{RECEIVE_BUFFERS_FIRST, ReceiveBuffers};

    /// The kernel goes round all that it has: what it is not given stays untouched.
    #[test]
    fn the_kernel_is_given_more_only_when_it_finds_none_free() {
        let Ok(ring) = IoUring::new(8) else {
            println!("left out: there is no io_uring here");
            return;
        };
        let Ok(buffers) = ReceiveBuffers::new(&ring, 256, 64) else {
            println!("left out: the kernel knows no rings of buffers");
            return;
        };
        assert_eq!(buffers.tail.get(), RECEIVE_BUFFERS_FIRST);
        drop(buffers.lend(3, 10));
        assert_eq!(buffers.in_use.get(), RECEIVE_BUFFERS_FIRST, "what comes back is none more");
        let mut counts = Vec::new();
        while buffers.give_more() {
            counts.push(buffers.in_use.get());
        }
        assert_eq!(counts, [128, 192, 256]);
        assert_eq!(buffers.tail.get(), 256 + 1);
        let few =
            ReceiveBuffers::new(&IoUring::new(8).expect("as above"), 2, 64).expect("as above");
        assert!(few.in_use.get() == 2 && !few.give_more());
    }
}
