//! The listening sockets of one core.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    os::{
        fd::{AsFd, AsRawFd, RawFd},
        unix::net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
};

use super::options;
use crate::{ListenerId, limits};

#[derive(Debug)]
enum Door {
    Tcp(TcpListener),
    Unix(UnixListener, PathBuf),
}

/// One listening socket and what its accept does.
#[derive(Debug)]
pub(crate) struct Listener {
    door: Door,
    /// An accept is in flight.
    pub(crate) armed: bool,
    /// An accept is being taken back.
    pub(crate) cancelling: bool,
    /// Accepting rests until this time of `now_ns`.
    pub(crate) paused_until_ns: Option<u64>,
    /// Too many accepted sockets wait for their turn.
    pub(crate) held: bool,
    pub(crate) closing: bool,
}

impl Listener {
    pub(crate) fn tcp(address: SocketAddr) -> io::Result<Listener> {
        let listener = TcpListener::bind(address)?;
        options::set_nodelay(listener.as_fd())?;
        options::set_keepalive(listener.as_fd())?;
        options::set_backlog(listener.as_fd())?;
        Ok(Listener::new(Door::Tcp(listener)))
    }

    pub(crate) fn unix(path: &Path) -> io::Result<Listener> {
        let listener = UnixListener::bind(path)?;
        options::set_backlog(listener.as_fd())?;
        Ok(Listener::new(Door::Unix(listener, path.to_path_buf())))
    }

    fn new(door: Door) -> Listener {
        Listener {
            door,
            armed: false,
            cancelling: false,
            paused_until_ns: None,
            held: false,
            closing: false,
        }
    }

    pub(crate) fn fd(&self) -> RawFd {
        match &self.door {
            Door::Tcp(listener) => listener.as_raw_fd(),
            Door::Unix(listener, _) => listener.as_raw_fd(),
        }
    }

    pub(crate) fn is_unix(&self) -> bool {
        matches!(self.door, Door::Unix(..))
    }

    /// The TCP address that is listened on, with the port the system chose.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        match &self.door {
            Door::Tcp(listener) => listener.local_addr().ok(),
            Door::Unix(..) => None,
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Door::Unix(_, path) = &self.door {
            // The socket file leads nowhere from now on; a later start removes one that stayed.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Whether somebody answers on the Unix socket at `path`.
pub(crate) fn unix_is_answered(path: &Path) -> bool {
    UnixStream::connect(path).is_ok()
}

/// The table of listeners.
#[derive(Debug, Default)]
pub(crate) struct Listeners {
    slots: Vec<(u32, Option<Listener>)>,
}

impl Listeners {
    pub(crate) fn add(&mut self, listener: Listener) -> io::Result<ListenerId> {
        let free = self.slots.iter().position(|(_, slot)| slot.is_none());
        let at = match free {
            Some(at) => at,
            None if self.slots.len() < limits::LISTENERS_MAX => {
                self.slots.push((0, None));
                self.slots.len() - 1
            }
            None => {
                return Err(io::Error::other(format!(
                    "a core listens on at most {} addresses",
                    limits::LISTENERS_MAX
                )));
            }
        };
        let (generation, slot) = &mut self.slots[at];
        *slot = Some(listener);
        Ok(ListenerId { index: u32::try_from(at).unwrap_or(u32::MAX), generation: *generation })
    }

    pub(crate) fn get(&mut self, id: ListenerId) -> Option<&mut Listener> {
        self.slots
            .get_mut(id.index as usize)
            .filter(|(generation, _)| *generation == id.generation)
            .and_then(|(_, slot)| slot.as_mut())
    }

    pub(crate) fn view(&self, id: ListenerId) -> Option<&Listener> {
        self.slots
            .get(id.index as usize)
            .filter(|(generation, _)| *generation == id.generation)
            .and_then(|(_, slot)| slot.as_ref())
    }

    pub(crate) fn remove(&mut self, id: ListenerId) {
        if self.get(id).is_some() {
            let (generation, slot) = &mut self.slots[id.index as usize];
            *generation = generation.wrapping_add(1);
            *slot = None;
        }
    }

    pub(crate) fn ids(&self) -> Vec<ListenerId> {
        self.slots
            .iter()
            .enumerate()
            .filter(|(_, (_, slot))| slot.is_some())
            .map(|(at, (generation, _))| ListenerId {
                index: u32::try_from(at).unwrap_or(u32::MAX),
                generation: *generation,
            })
            .collect()
    }

    /// The end of the first rest of accepting.
    pub(crate) fn earliest_pause_ns(&self) -> Option<u64> {
        self.slots
            .iter()
            .filter_map(|(_, slot)| slot.as_ref().and_then(|listener| listener.paused_until_ns))
            .min()
    }
}
