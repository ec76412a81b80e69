//! How threads that are no cores give notes to a core.

use std::{io, sync::Arc};

use crossbeam::queue::ArrayQueue;

use crate::{bell::Bell, limits};

struct Inner<N> {
    queue: ArrayQueue<N>,
    bell: Arc<Bell>,
}

/// The postboxes of all cores. Made before the cores run; clones share the same boxes.
pub struct Postboxes<N> {
    boxes: Arc<[Arc<Inner<N>>]>,
}

/// One core's postbox: bounded, wakes the core when it sleeps.
pub struct Postbox<N> {
    inner: Arc<Inner<N>>,
}

impl<N> Clone for Postboxes<N> {
    fn clone(&self) -> Postboxes<N> {
        Postboxes { boxes: self.boxes.clone() }
    }
}

impl<N> Clone for Postbox<N> {
    fn clone(&self) -> Postbox<N> {
        Postbox { inner: self.inner.clone() }
    }
}

impl<N: Send> Postboxes<N> {
    /// Boxes for `cores` cores, each for `limits::POSTBOX_CAPACITY` notes.
    ///
    /// Errors: no descriptor left for the eventfd of each core.
    pub fn new(cores: usize) -> io::Result<Postboxes<N>> {
        Postboxes::with_capacity(cores, limits::POSTBOX_CAPACITY)
    }

    /// Boxes for `capacity` notes each.
    ///
    /// Errors: as `new`.
    pub fn with_capacity(cores: usize, capacity: usize) -> io::Result<Postboxes<N>> {
        assert!(capacity > 0, "a postbox holds at least one note");
        let boxes = (0..cores)
            .map(|_| {
                Ok(Arc::new(Inner {
                    queue: ArrayQueue::new(capacity),
                    bell: Arc::new(Bell::new()?),
                }))
            })
            .collect::<io::Result<Vec<_>>>()?;
        Ok(Postboxes { boxes: boxes.into() })
    }

    /// Number of cores.
    #[must_use]
    pub fn cores(&self) -> usize {
        self.boxes.len()
    }

    /// The box of one core.
    ///
    /// Panics: when there is no such core.
    #[must_use]
    pub fn to(&self, core: usize) -> Postbox<N> {
        Postbox { inner: self.boxes[core].clone() }
    }

    pub(crate) fn bells(&self) -> Arc<[Arc<Bell>]> {
        self.boxes.iter().map(|inner| inner.bell.clone()).collect()
    }
}

impl<N: Send> Postbox<N> {
    /// Gives `note` to the core and wakes it.
    ///
    /// Errors: gives the note back when the box is full; the core is awake then, so try again
    /// shortly.
    pub fn post(&self, note: N) -> Result<(), N> {
        let result = self.inner.queue.push(note);
        self.inner.bell.wake();
        result
    }

    pub(crate) fn take(&self) -> Option<N> {
        self.inner.queue.pop()
    }

    pub(crate) fn len(&self) -> usize {
        self.inner.queue.len()
    }
}
