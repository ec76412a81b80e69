//! One bounded queue from one core to one other core: one producer, one consumer, no lock.
#![expect(
    unsafe_code,
    reason = "slots are shared between the two ends and handed over by counters"
)]

use std::mem::MaybeUninit;

use super::sync::{Arc, AtomicBool, AtomicUsize, Ordering, UnsafeCell, fence};

/// A counter on a cache line of its own, so that the two ends do not share one.
#[repr(align(128))]
struct Line<T>(T);

struct Shared<M> {
    /// Messages taken, counted without end. Written by the receiver.
    taken: Line<AtomicUsize>,
    /// Messages put, counted without end. Written by the sender.
    put: Line<AtomicUsize>,
    /// The sender found the box full and wants to be told of room.
    starved: Line<AtomicBool>,
    slots: Box<[UnsafeCell<MaybeUninit<M>>]>,
}

// SAFETY: the one sender alone writes slots in `taken + capacity > put`, the one receiver alone reads those in `taken < put`; neither
// end is `Clone`, both need `&mut self`. A slot changes hands by a release store that the other end loads with acquire. Messages cross
// threads, so they must be `Send`.
unsafe impl<M: Send> Send for Shared<M> {}
// SAFETY: as above; no method of `Shared` is reachable but through the two ends.
unsafe impl<M: Send> Sync for Shared<M> {}

impl<M> Drop for Shared<M> {
    fn drop(&mut self) {
        let put = self.put.0.load(Ordering::Relaxed);
        let mut at = self.taken.0.load(Ordering::Relaxed);
        while at != put {
            self.slots[at & (self.slots.len() - 1)].with_mut(|slot| {
                // SAFETY: both ends are gone, so this thread alone has the slots.
                let slot = unsafe { &mut *slot };
                // SAFETY: slots from `taken` to `put` were written and not taken.
                unsafe { slot.assume_init_drop() };
            });
            at = at.wrapping_add(1);
        }
    }
}

/// The end that puts messages in.
pub(crate) struct MailSender<M> {
    shared: Arc<Shared<M>>,
    /// What was last seen of `taken`, so that the shared line is read only when the box looks full.
    taken_seen: usize,
    /// The last push found the box full.
    starved: bool,
}

/// The end that takes messages out.
pub(crate) struct MailReceiver<M> {
    shared: Arc<Shared<M>>,
}

/// Makes a box for `capacity` messages, a power of two.
pub(crate) fn mailbox<M: Send>(capacity: usize) -> (MailSender<M>, MailReceiver<M>) {
    assert!(capacity.is_power_of_two(), "mailbox capacity {capacity} is no power of two");
    let shared = Arc::new(Shared {
        taken: Line(AtomicUsize::new(0)),
        put: Line(AtomicUsize::new(0)),
        starved: Line(AtomicBool::new(false)),
        slots: (0..capacity).map(|_| UnsafeCell::new(MaybeUninit::uninit())).collect(),
    });
    let sender = MailSender { shared: shared.clone(), taken_seen: 0, starved: false };
    (sender, MailReceiver { shared })
}

impl<M: Send> MailSender<M> {
    /// Puts `mail` in, or gives it back when the box is full; then the receiver will say when there
    /// is room.
    pub(crate) fn push(&mut self, mail: M) -> Result<(), M> {
        let capacity = self.shared.slots.len();
        let put = self.shared.put.0.load(Ordering::Relaxed);
        if put.wrapping_sub(self.taken_seen) == capacity && !self.look() {
            self.starved = true;
            self.shared.starved.0.store(true, Ordering::Relaxed);
            return Err(mail);
        }
        self.shared.slots[put & (capacity - 1)].with_mut(|slot| {
            // SAFETY: `put - taken < capacity`, so the receiver has left this slot; we are the one
            // sender.
            let slot = unsafe { &mut *slot };
            slot.write(mail);
        });
        self.shared.put.0.store(put.wrapping_add(1), Ordering::Release);
        Ok(())
    }

    /// Before sleep, after the sleep flag was raised: a box that was full has room again.
    pub(crate) fn has_news(&mut self) -> bool {
        self.starved && self.look()
    }

    /// The owner is about to run and may push again.
    pub(crate) fn forget_starved(&mut self) {
        self.starved = false;
    }

    /// Looks at the receiver's counter; true when there is room.
    fn look(&mut self) -> bool {
        self.taken_seen = self.shared.taken.0.load(Ordering::Acquire);
        let put = self.shared.put.0.load(Ordering::Relaxed);
        put.wrapping_sub(self.taken_seen) < self.shared.slots.len()
    }
}

impl<M: Send> MailReceiver<M> {
    /// Takes the oldest message.
    pub(crate) fn pop(&mut self) -> Option<M> {
        let taken = self.shared.taken.0.load(Ordering::Relaxed);
        if taken == self.shared.put.0.load(Ordering::Acquire) {
            return None;
        }
        let mail = self.shared.slots[taken & (self.shared.slots.len() - 1)].with_mut(|slot| {
            // SAFETY: `taken < put`, so the sender wrote this slot and left it; we are the one
            // receiver.
            let slot = unsafe { &mut *slot };
            // SAFETY: it was written, and `taken` moves on below, so it is read once.
            unsafe { slot.assume_init_read() }
        });
        self.shared.taken.0.store(taken.wrapping_add(1), Ordering::Release);
        Some(mail)
    }

    /// Messages that are there now.
    pub(crate) fn len(&self) -> usize {
        let taken = self.shared.taken.0.load(Ordering::Relaxed);
        self.shared.put.0.load(Ordering::Acquire).wrapping_sub(taken)
    }

    /// After messages were taken: true when the sender had found the box full, so it must be woken
    /// if it sleeps.
    pub(crate) fn sender_starved(&self) -> bool {
        // Orders our store of `taken` before the look at the sender's flags, as `SleepFlag::claim`
        // does.
        fence(Ordering::SeqCst);
        self.shared.starved.0.load(Ordering::Relaxed)
            && self.shared.starved.0.swap(false, Ordering::AcqRel)
    }
}
