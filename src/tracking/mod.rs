//! Client-side caching: who has read which key, and that it has changed.

mod deliver;
mod flushes;
mod inside;
mod limits;
mod reads;
mod session;
mod table;

pub(crate) use deliver::{Invalid, RedirectMail, Track, Trackers, TrackingFigures};
pub(crate) use inside::Touched;
pub(crate) use session::{NO_TARGET, Options, Target, Tracking, set_caching};
